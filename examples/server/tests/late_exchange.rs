//! Samples that come late: the server takes them as configured, and hands them to the original and back in one data
//! directory, killed at any moment. Skipped, with a word, where the original is not installed.
#![allow(clippy::unwrap_used)] // a test target; the lint sees only #[test] functions as tests

mod running;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use expo_format::remote_write::compress;
use expo_format::remote_write::v1::{RequestBuilder, Series};
use metrics_core::LabelSet;
use running::{Program, original, server};

const WINDOW: &str = "storage: {tsdb: {out_of_order_time_window: 30m}}\n";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// One sample for each of three series.
fn write(program: &Program, at: i64) -> Option<u16> {
    let mut builder = RequestBuilder::default();
    for i in 0..3 {
        let labels = LabelSet::from_pairs([("__name__", "pushed"), ("i", &i.to_string())]);
        builder.series(&Series { samples: &[(at, (at % 1_000_000) as f64)], ..Series::new(&labels) });
    }
    program.post("/api/v1/write", &compress(&builder.finish()))
}

/// What there is of the three series: how many samples, and their sum.
fn totals(program: &Program) -> [String; 2] {
    ["count_over_time", "sum_over_time"].map(|function| {
        let query = format!("sum({function}(pushed%5B2h%5D))");
        program.query(&query)[0]["value"][1].as_str().unwrap().to_owned()
    })
}

#[test]
fn a_reload_opens_the_window_for_late_samples() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path(), "{}");
    let now = now();
    assert_eq!(write(&program, now), Some(204));
    assert_eq!(write(&program, now - 1000), Some(400));
    std::fs::write(dir.path().join("prometheus.yml"), WINDOW).unwrap();
    assert_eq!(program.post("/-/reload", b""), Some(200));
    assert_eq!(write(&program, now - 1000), Some(204));
    assert_eq!(write(&program, now - 31 * 60_000), Some(400));
    assert_eq!(totals(&program)[0], "6");
    let page = program.get("/metrics").1;
    // A request ends with the first sample that is refused.
    for count in [
        "head_out_of_order_samples_appended_total 3",
        "out_of_order_samples_total 1",
        "too_old_samples_total 1",
    ] {
        assert!(page.contains(&format!("\nprometheus_tsdb_{count}\n")), "{count}");
    }
    std::fs::write(dir.path().join("prometheus.yml"), "{}").unwrap();
    assert_eq!(program.post("/-/reload", b""), Some(200));
    assert_eq!(write(&program, now - 2000), Some(400));
}

/// Kills a program as a power cut would, and waits for its end.
fn kill(mut program: Program) {
    program.signal("-9");
    program.wait();
}

/// Fills a directory with one program, killing it now and then, and asks the other what it finds there.
fn exchange(first: &Path, second: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let start = |executable: &Path| Program::start_other(executable, dir.path(), WINDOW);
    let begin = now() - 25 * 60_000;
    let program = start(first);
    for i in 0..100 {
        assert_eq!(write(&program, begin + i * 15_000), Some(204));
    }
    // Late ones between them, so many that chunks of them fill.
    for i in (0..90).rev() {
        assert_eq!(write(&program, begin + i * 15_000 + 7_000), Some(204));
    }
    let expected = totals(&program);
    assert_eq!(expected[0], (3 * 190).to_string());
    kill(program);
    assert!(dir.path().join("data/chunks_head").read_dir().unwrap().count() > 0);
    let program = start(first);
    assert_eq!(totals(&program), expected, "{} after a kill", first.display());
    kill(program);

    let program = start(second);
    assert_eq!(totals(&program), expected, "{} finds what {} left", second.display(), first.display());
    for i in 0..40 {
        assert_eq!(write(&program, begin + i * 15_000 + 11_000), Some(204));
    }
    let expected = totals(&program);
    assert_eq!(expected[0], (3 * 230).to_string());
    kill(program);
    // And back, this time left politely.
    let mut program = start(first);
    assert_eq!(totals(&program), expected, "{} finds what {} left", first.display(), second.display());
    program.signal("-TERM");
    assert!(program.wait().success());
    assert_eq!(totals(&start(second)), expected);
}

#[test]
fn late_samples_go_to_the_original_and_back() {
    let Some(original) = original() else { return };
    exchange(&server(), &original);
}

#[test]
fn late_samples_come_from_the_original_and_go_back() {
    let Some(original) = original() else { return };
    exchange(&original, &server());
}
