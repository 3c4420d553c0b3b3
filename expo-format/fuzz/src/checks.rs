//! One law per target: nothing panics, and what was read survives being written and read again.

use expo_format::remote_write::{self, v1, v2};
use expo_format::{
    CustomBuckets, Event, Format, Limits, NativeHistogram, PageParser, Rescraper, Update, WriteOptions,
    openmetrics, otlp, read_families, remote_read, write,
};
use metrics_core::Value;

/// Pages of the classic text format.
pub fn text(data: &[u8]) {
    round_trip(Format::Text, data);
    series_alone(Format::Text, data);
    custom_buckets(Format::Text, data);
}

/// OpenMetrics pages; a strict reader accepts no page that a lenient one refuses.
pub fn openmetrics(data: &[u8]) {
    round_trip(Format::OpenMetrics, data);
    series_alone(Format::OpenMetrics, data);
    custom_buckets(Format::OpenMetrics, data);
    let strict = openmetrics::StrictParser::new(data).all(|event| event.is_ok());
    let lenient = openmetrics::Parser::new(data).all(|event| event.is_ok());
    assert!(lenient || !strict, "strict mode is laxer than lenient mode");
}

/// Pages of delimited messages.
pub fn protobuf(data: &[u8]) {
    round_trip(Format::Protobuf, data);
    custom_buckets(Format::Protobuf, data);
}

/// Remote-write messages of both versions.
pub fn remote_write(data: &[u8]) {
    request_v1(data);
    request_v2(data);
}

/// The snappy blocks around messages.
pub fn snappy(data: &[u8]) {
    const LIMIT: usize = 1 << 20;
    if let Ok(message) = remote_write::decompress(data, LIMIT) {
        assert!(message.len() <= LIMIT);
        let again = remote_write::decompress(&remote_write::compress(&message), LIMIT);
        assert_eq!(again.ok().as_deref(), Some(&message[..]));
    }
    let packed = remote_write::compress(data);
    assert_eq!(remote_write::decompress(&packed, data.len()).ok().as_deref(), Some(data));
}

/// Remote-read requests and both kinds of answers.
pub fn remote_read(data: &[u8]) {
    if let Ok(request) = remote_read::Request::read(data) {
        assert_eq!(remote_read::Request::read(&request.write()), Ok(request));
    }
    let series: Vec<_> = remote_read::frames(data, 1 << 20).map_while(Result::ok).collect();
    let mut frames = Vec::new();
    series.iter().for_each(|series| remote_read::write_frame(&mut frames, series));
    let again: Vec<_> = remote_read::frames(&frames, usize::MAX).map_while(Result::ok).collect();
    assert_eq!(again, series);
    for result in remote_read::Response::new(data).results().flatten() {
        for series in result.series().flatten() {
            series.label_set().ok();
            assert!(series.samples().count() <= data.len());
        }
    }
}

/// OpenTelemetry messages.
pub fn otlp(data: &[u8]) {
    let options = [
        otlp::Options::default(),
        otlp::Options {
            custom_buckets: true,
            allow_delta: true,
            promote_scope: true,
            ..otlp::Options::default()
        },
    ];
    for options in options {
        let Ok(found) = otlp::convert(data, &options) else { continue };
        assert!(found.samples.iter().all(|s| s.labels.metric_name().is_some()));
    }
}

/// A page read after another as if it were alone.
pub fn rescrape(data: &[u8]) {
    let split = data.iter().position(|b| *b == 0xff).unwrap_or(data.len() / 2);
    let (first, second) = data.split_at(split);
    for format in [Format::Text, Format::OpenMetrics] {
        let Some(mut rescraper) = Rescraper::<usize>::new(format) else { continue };
        let mut names = Vec::new();
        for page in [first, second] {
            let with_memory = read_with(&mut rescraper, page, &mut names);
            assert_eq!(with_memory, read_alone(format, page), "{format:?}");
        }
    }
}

/// A series is the same in a page, where the lines before it help to read it, and alone.
fn series_alone(format: Format, data: &[u8]) {
    let mut parser = PageParser::with_limits(format, data, Limits::NONE);
    while let Ok(Some(event)) = parser.next_event() {
        let Event::Sample(sample) = event else { continue };
        let line = format!("{} 1\n", sample.series);
        let mut alone = PageParser::with_limits(format, line.as_bytes(), Limits::NONE);
        let Ok(Some(Event::Sample(again))) = alone.next_event() else { panic!("not a series: {line}") };
        assert_eq!(again.series.name(), sample.series.name(), "{line}");
        assert!(again.series.labels().eq(sample.series.labels()), "{line}");
    }
}

/// Histograms that are put together are possible ones, and named as their lines.
fn custom_buckets(format: Format, data: &[u8]) {
    let mut parser = PageParser::new(format, data);
    let mut stage = CustomBuckets::new(false);
    let check = |converted: Option<NativeHistogram<'_>>| match converted.map(|h| h.value) {
        Some(Value::Histogram(h)) => assert!(h.validate().is_ok()),
        Some(Value::FloatHistogram(h)) => assert!(h.validate().is_ok()),
        _ => {}
    };
    while let Ok(Some(event)) = parser.next_event() {
        check(stage.offer(&event).converted);
    }
    check(stage.finish());
}

type Seen = (String, u64, Option<i64>);

fn read_with(rescraper: &mut Rescraper<usize>, page: &[u8], names: &mut Vec<String>) -> Option<Vec<Seen>> {
    let mut seen = Vec::new();
    let mut pass = rescraper.begin(page);
    loop {
        match pass.next_update().ok()? {
            None => break,
            Some(Update::Metadata(_)) => {}
            Some(Update::New(sample)) => {
                names.push(sample.series.to_string());
                pass.assign(names.len() - 1);
                seen.push((sample.series.to_string(), sample.value.to_bits(), sample.timestamp));
            }
            Some(Update::Known { handle, value, timestamp, .. }) => {
                seen.push((names[handle].clone(), value.to_bits(), timestamp));
            }
        }
    }
    drop(pass.finish());
    Some(seen)
}

fn read_alone(format: Format, page: &[u8]) -> Option<Vec<Seen>> {
    let mut seen = Vec::new();
    let mut parser = PageParser::new(format, page);
    while let Some(event) = parser.next_event().ok()? {
        if let Event::Sample(sample) = event {
            seen.push((sample.series.to_string(), sample.value.to_bits(), sample.timestamp));
        }
    }
    Some(seen)
}

/// What a page says is written, read and written again: both writings are the same.
fn round_trip(format: Format, data: &[u8]) {
    let Ok(families) = read_families(format, data, Limits::default()) else { return };
    // A family without a name is possible inside quotes, but nobody can name it in a page.
    if families.iter().any(|family| family.name.is_empty()) {
        return;
    }
    // Classic text has no sign for timestamps, though its writers put one.
    let is_before_1970 = families.iter().flat_map(|f| &f.metrics).any(|m| m.timestamp.is_some_and(|t| t < 0));
    let options = WriteOptions::default().created_lines(true);
    for target in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        if target == Format::Text && is_before_1970 {
            continue;
        }
        let mut first = Vec::new();
        write(&mut first, target, &families, options);
        let again = read_families(target, &first, Limits::NONE);
        let again =
            again.unwrap_or_else(|e| panic!("{target:?} refuses its own page: {e:?}\n{}", show(&first)));
        if target == format {
            let mut second = Vec::new();
            write(&mut second, target, &again, options);
            assert_eq!(show(&second), show(&first), "{target:?} changes when written again");
        }
    }
}

fn show(page: &[u8]) -> String {
    page.escape_ascii().to_string().replace("\\n", "\n")
}

fn request_v1(message: &[u8]) {
    let request = v1::Request::new(message);
    if request.check().is_err() {
        return;
    }
    let mut builder = v1::RequestBuilder::default();
    for series in request.series().flatten() {
        let Ok(labels) = series.label_set() else { return };
        let Ok(exemplars) = series.exemplars().collect::<Result<Vec<_>, _>>() else { return };
        let samples: Vec<_> = series.samples().flatten().map(|s| (s.timestamp, s.value)).collect();
        let histograms: Vec<_> = series.histograms().flatten().map(|h| (h.timestamp, h.value)).collect();
        let series = remote_write::Series {
            exemplars: &exemplars,
            samples: &samples,
            histograms: &histograms,
            ..remote_write::Series::new(&labels)
        };
        builder.series(&series);
    }
    let message = builder.finish();
    let again = v1::Request::new(&message);
    assert!(again.check().is_ok());
    assert_eq!(again.series().count(), request.series().count());
}

fn request_v2(message: &[u8]) {
    let Ok(request) = v2::Request::new(message) else { return };
    if request.check().is_err() {
        return;
    }
    let mut builder = v2::RequestBuilder::default();
    let mut count = 0;
    for series in request.series().flatten() {
        let (Ok(labels), Ok(metadata)) = (series.label_set(), series.metadata()) else { return };
        let Ok(exemplars) = series.exemplars().collect::<Result<Vec<_>, _>>() else { return };
        let samples: Vec<_> = series.samples().flatten().map(|s| (s.timestamp, s.value)).collect();
        let histograms: Vec<_> = series.histograms().flatten().map(|h| (h.timestamp, h.value)).collect();
        let series = remote_write::Series {
            exemplars: &exemplars,
            samples: &samples,
            histograms: &histograms,
            ..remote_write::Series::new(&labels)
        };
        builder.series(&series, &metadata, None);
        count += 1;
    }
    let message = builder.finish();
    let again = v2::Request::new(&message).map(|request| request.series().count());
    assert_eq!(again.ok(), Some(count));
}
