//! One law per target: nothing panics, and what was read survives being written and read again.

use expo_format::remote_write::{self, v1, v2};
use expo_format::{
    Format, Limits, PageParser, Rescraper, Update, WriteOptions, openmetrics, otlp, read_families, write,
};

/// Pages of the classic text format.
pub fn text(data: &[u8]) {
    round_trip(Format::Text, data);
}

/// OpenMetrics pages; a strict reader accepts no page that a lenient one refuses.
pub fn openmetrics(data: &[u8]) {
    round_trip(Format::OpenMetrics, data);
    let strict = openmetrics::StrictParser::new(data).all(|event| event.is_ok());
    let lenient = openmetrics::Parser::new(data).all(|event| event.is_ok());
    assert!(lenient || !strict, "strict mode is laxer than lenient mode");
}

/// Pages of delimited messages.
pub fn protobuf(data: &[u8]) {
    round_trip(Format::Protobuf, data);
}

/// Remote-write bodies and messages of both versions.
pub fn remote_write(data: &[u8]) {
    const LIMIT: usize = 1 << 20;
    if let Ok(message) = remote_write::decompress(data, LIMIT) {
        assert!(message.len() <= LIMIT);
        let again = remote_write::decompress(&remote_write::compress(&message), LIMIT);
        assert_eq!(again.ok().as_deref(), Some(&message[..]));
    }
    request_v1(data);
    request_v2(data);
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
        if let expo_format::Event::Sample(sample) = event {
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
