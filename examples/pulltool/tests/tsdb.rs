//! What `pulltool tsdb` prints beside what the original's tool prints, on blocks of either.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // the counts are for people who run the tests

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use metrics_core::histogram::CUSTOM_BUCKETS_SCHEMA;
use metrics_core::{Append, Histogram, LabelSet, SeriesRef, Span, TimeRange, Value};
use pulltool::tsdb::{
    AnalyzeOptions, DumpFormat, DumpOptions, ImportOptions, InspectError, Target, analyze, convert, dump,
    import, list,
};
use tsdb::compact::Style;
use tsdb::wal::{LogStyle, WalOptions};
use tsdb::{Db, Options};

/// Text with what is hard to print: quotes, exponents, no numbers, names beyond ASCII.
const PAGE: &str = r#"# TYPE a counter
# HELP a some
a_total{x="1",q="a\"b\\c\nd"} 1.5 1700006400.000
a_total{x="1",q="a\"b\\c\nd"} 1000000 1700006415.000
a_total{x="2"} NaN 1700006400.123
# TYPE g gauge
g 1e-7 1700020000
g +Inf 1700020001.5
g -Inf 1700020002.5
g{le="é"} 0.1 1700020001.5
g{le="é"} 123456789.25 1700020003.25
# EOF
"#;

/// The original's tool, if it is on this machine.
fn promtool() -> Option<PathBuf> {
    let path = std::env::var_os("PROMTOOL").map_or("/opt/peers/usr/bin/promtool".into(), PathBuf::from);
    if path.is_file() {
        return Some(path);
    }
    println!("PROMTOOL: skipped, {} is not there", path.display());
    None
}

fn ask(promtool: &Path, arguments: &[&str], dir: &Path) -> String {
    let out = Command::new(promtool).arg("tsdb").args(arguments).arg(dir).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn answer(run: impl FnOnce(&mut Vec<u8>) -> Result<(), InspectError>) -> String {
    let mut out = Vec::new();
    run(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn dumped(dir: &Path, selectors: &[&str], range: TimeRange, format: DumpFormat) -> String {
    let selectors = selectors.iter().map(|s| (*s).to_owned()).collect();
    answer(|out| dump(dir, &DumpOptions { range, selectors, format }, out))
}

fn analyzed(dir: &Path) -> String {
    answer(|out| analyze(dir, None, &AnalyzeOptions { limit: 1000, extended: true, selector: None }, out))
}

/// The lines in order: the original leaves equal counts to chance.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// What both programs say of a directory.
fn compare(promtool: &Path, dir: &Path) -> usize {
    let (all, middle) = (TimeRange::ALL, TimeRange::new(1_700_006_400_001, 1_700_020_001_500));
    let mut agree = 0;
    let mut same = |what: &str, wanted: String, found: String| {
        let (mut found, wanted) = (lines(&found), lines(&wanted));
        // Before 3.6 the original loses histograms where a series begins or changes its kind.
        let is_histogram = |line: &str| line.contains("} {count:");
        found.retain(|line| !is_histogram(line) || wanted.binary_search(line).is_ok());
        let other = found.iter().zip(&wanted).find(|(found, wanted)| found != wanted);
        assert!(other.is_none() && found.len() == wanted.len(), "{what} of {}: {other:#?}", dir.display());
        agree += 1;
    };
    same("list", ask(promtool, &["list"], dir), answer(|out| list(dir, false, out)));
    same("list -r", ask(promtool, &["list", "-r"], dir), answer(|out| list(dir, true, out)));
    let wanted = ask(promtool, &["analyze", "--extended", "--limit=1000"], dir);
    same("analyze", wanted, analyzed(dir));
    // It asks for a log, if only an empty one.
    std::fs::create_dir_all(dir.join("wal")).unwrap();
    let prom = DumpFormat::Prom;
    same("dump", ask(promtool, &["dump"], dir), dumped(dir, &[], all, prom));
    let some = ["--match={__name__=~\"g|node_l.*\"}", "--match={x=\"1\"}"];
    let times = ["--min-time=1700006400001", "--max-time=1700020001500"];
    let wanted = ask(promtool, &["dump", some[0], some[1], times[0], times[1]], dir);
    let selectors = [r#"{__name__=~"g|node_l.*"}"#, r#"{x="1"}"#];
    same("dump of some", wanted, dumped(dir, &selectors, middle, prom));
    let wanted = ask(promtool, &["dump-openmetrics"], dir);
    same("dump-openmetrics", wanted, dumped(dir, &[], all, DumpFormat::OpenMetrics));
    agree
}

fn imported(dir: &Path, page: &str) -> String {
    answer(|out| import(page.as_bytes(), dir, &ImportOptions::default(), 1_700_100_000_000, out))
}

/// A listing without the names, which are left to chance, and the sizes: the original writes more white space into
/// `meta.json`, and a section of the index that nobody reads any more.
fn without_names(listing: &str) -> Vec<Vec<&str>> {
    listing.lines().skip(1).map(|l| l.split_whitespace().skip(1).take(6).collect()).collect()
}

/// A page of some hundred samples a series, so that chunks are cut.
fn long_page() -> String {
    let mut page = String::new();
    for series in 0..5 {
        for i in 0..700 {
            let (value, t) = (f64::from(i * i % 211 + series) / 8.0, 1_700_006_400 + i * 15);
            page.push_str(&format!("m{{series=\"{series}\"}} {value} {t}\n"));
        }
    }
    page + "# EOF\n"
}

#[test]
fn blocks_made_of_text_are_those_of_the_original() {
    let Some(promtool) = promtool() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let mut agree = 0;
    for page in [PAGE, &long_page(), &noisy_page()] {
        let text = dir.path().join("page.om");
        std::fs::write(&text, page).unwrap();
        let from = ["create-blocks-from", "openmetrics", text.to_str().unwrap()];
        let (wanted, found) = (ask(&promtool, &from, &theirs), imported(&ours, page));
        assert_eq!(without_names(&found), without_names(&wanted));
        assert!(chunk_files(&ours) == chunk_files(&theirs), "chunks differ");
        agree += 2 + compare(&promtool, &theirs) + compare(&promtool, &ours);
        // Our own encoding is ours alone, but what went through it is the original's to the byte again.
        for target in [Target::Dense, Target::Field] {
            convert(&ours, target, 1_700_100_000_000, &mut Vec::new()).unwrap();
        }
        agree += compare(&promtool, &ours);
        std::fs::remove_dir_all(&ours).unwrap();
        std::fs::remove_dir_all(&theirs).unwrap();
    }
    println!("PROMTOOL: {agree} of {agree} answers agree");
}

/// Floats without a pattern, at times without one: chunks of them end by their bytes.
fn noisy_page() -> String {
    let mut page = String::new();
    for series in 0..6u64 {
        for i in 0..900 {
            let bits =
                |salt: u64| (i * 6 + series + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ salt << 17) >> 12;
            // Every other series has fewer digits, so that some chunks end by time and some by bytes.
            let value = if series % 2 == 0 {
                f64::from_bits(0x3ff0_0000_0000_0000 | bits(1))
            } else {
                (bits(2) % 1_000_000) as f64 / 1e4
            };
            let t = 1_700_006_400_000 + i * 15_000 + bits(3) % 2000;
            page.push_str(&format!("noise{{series=\"{series}\"}} {value} {}.{:03}\n", t / 1000, t % 1000));
        }
    }
    page + "# EOF\n"
}

/// The bytes of all chunk files, block after block in order of time.
fn chunk_files(dir: &Path) -> Vec<Vec<u8>> {
    let listing = answer(|out| list(dir, false, out));
    let names = listing.lines().skip(1).map(|l| l.split(' ').next().unwrap());
    names.map(|name| std::fs::read(dir.join(name).join("chunks/000001")).unwrap()).collect()
}

/// A database with histograms of both kinds whose counts are whole and large, in blocks and in the log.
fn write_histograms(dir: &Path) {
    // The original's tool reads neither our chunks nor our log.
    let wal = || WalOptions { style: LogStyle::Field, ..WalOptions::default() };
    let options = || Options {
        merged_chunks: Style::Field,
        wal: wal(),
        retention: None,
        snapshot: false,
        ..Options::default()
    };
    let put = |db: &Db, samples: std::ops::Range<i64>| {
        for i in samples {
            let integer = Histogram {
                schema: 1,
                zero_threshold: 0.001,
                zero_count: 5,
                count: 5 + 2_200_000 * (1 + i as u64),
                sum: 1.5e9 * i as f64,
                positive_spans: vec![Span { offset: -1, length: 2 }, Span { offset: 1, length: 1 }],
                positive_buckets: vec![400_000 * (1 + i), 0, 400_000 * (1 + i)],
                negative_spans: vec![Span { offset: 0, length: 2 }],
                negative_buckets: vec![400_000 * (1 + i), -200_000 * (1 + i)],
                ..Histogram::default()
            };
            let custom = Histogram {
                schema: CUSTOM_BUCKETS_SCHEMA,
                count: 3_000_000,
                sum: i as f64,
                positive_spans: vec![Span { offset: 0, length: 2 }],
                positive_buckets: vec![1_000_000, 1_000_000],
                custom_values: vec![0.5, 10.0],
                ..Histogram::default()
            };
            let mut batch = db.batch();
            let mut append = |kind: &str, value: Value| {
                let labels = LabelSet::from_pairs([("__name__", "h"), ("kind", kind)]);
                batch.append(SeriesRef::UNKNOWN, &labels, 1_700_006_400_000 + i * 60_000, &value).unwrap();
            };
            let integers = Value::Histogram(Arc::new(integer.clone()));
            let floats = Value::FloatHistogram(Arc::new(integer.to_float()));
            append("integer", integers.clone());
            append("float", floats.clone());
            append("both", if i / 7 % 2 == 0 { integers } else { floats });
            append("custom", Value::Histogram(Arc::new(custom.clone())));
            append("float_custom", Value::FloatHistogram(Arc::new(custom.to_float())));
            append("plain", Value::Float(i as f64 * 1e6));
            batch.commit().unwrap();
        }
    };
    let db = Db::open(dir, options()).unwrap();
    put(&db, 0..200);
    // In a block: the original's 3.5 reads floats from the log as floats.
    let mut batch = db.batch();
    for kind in ["integer", "float", "both", "custom", "float_custom", "plain"] {
        let labels = LabelSet::from_pairs([("__name__", "h"), ("kind", kind)]);
        let at = 1_700_006_400_000 + 200 * 60_000;
        batch.append_float(SeriesRef::UNKNOWN, &labels, at, metrics_core::STALE_NAN).unwrap();
    }
    batch.commit().unwrap();
    assert!(db.flush(1_700_030_000_000).unwrap());
    put(&db, 240..300);
}

#[test]
fn histograms_are_shown_as_they_were_stored() {
    let dir = tempfile::tempdir().unwrap();
    write_histograms(dir.path());
    let text = dumped(dir.path(), &[], TimeRange::ALL, DumpFormat::Prom);
    assert!(text.contains(r#"{__name__="h", kind="integer"} {count:2200005, sum:"#), "{text}");
    assert!(text.contains(r#"{__name__="h", kind="float"} {count:2.200005e+06, sum:"#), "{text}");
    let Some(promtool) = promtool() else { return };
    let mut agree = compare(&promtool, dir.path());
    // Through our own encoding and back.
    for target in [Target::Dense, Target::Small, Target::Field] {
        convert(dir.path(), target, 1_700_200_000_000, &mut Vec::new()).unwrap();
    }
    agree += compare(&promtool, dir.path());
    println!("PROMTOOL: {agree} of {agree} answers agree");
}

#[test]
fn a_directory_of_the_original_reads_as_there() {
    let Some(promtool) = promtool() else { return };
    let Some(recorded) = std::env::var_os("PROMETHEUS_DATA") else {
        println!("PROMETHEUS_DATA: skipped, it names no directory");
        return;
    };
    let agree = compare(&promtool, Path::new(&recorded));
    println!("PROMETHEUS_DATA: {agree} of {agree} answers agree");
}

#[test]
fn what_is_dumped_can_be_read_in_again() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    imported(&first, PAGE);
    let text = dumped(&first, &[], TimeRange::ALL, DumpFormat::OpenMetrics);
    imported(&second, &text);
    assert_eq!(dumped(&second, &[], TimeRange::ALL, DumpFormat::OpenMetrics), text);
    assert!(text.contains("a_total{q=\"a\\\"b\\\\c\\nd\",x=\"1\"} 1e+06 1700006415.000\n"), "{text}");
    let series = dumped(&first, &["a_total"], TimeRange::ALL, DumpFormat::Seriesjson);
    let wanted = r#"{"__name__":"a_total","q":"a\"b\\c\nd","x":"1"}"#;
    assert_eq!(series.lines().next(), Some(wanted));
}

#[test]
fn converted_blocks_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    imported(dir.path(), &long_page());
    let dumped = || dumped(dir.path(), &[], TimeRange::ALL, DumpFormat::Prom);
    let before = dumped();
    let rows = |target| answer(|out| convert(dir.path(), target, 1_700_200_000_000, out)).lines().count();
    for target in [Target::Dense, Target::Small, Target::Field] {
        assert_eq!(rows(target), 3, "a header and two blocks");
        assert_eq!(dumped(), before);
    }
    // One block by its own directory; and what is none.
    let listing = answer(|out| list(dir.path(), false, out));
    let name = listing.lines().nth(1).unwrap().split(' ').next().unwrap();
    let one = answer(|out| convert(&dir.path().join(name), Target::Dense, 1_700_300_000_000, out));
    assert_eq!(one.lines().count(), 2);
    assert_eq!(dumped(), before);
    let empty = tempfile::tempdir().unwrap();
    assert!(convert(empty.path(), Target::Dense, 1, &mut Vec::new()).is_err());
}
