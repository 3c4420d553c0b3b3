//! Stage 4: what a relabel rule costs a scraped sample.

use std::hint::black_box;

use criterion::Criterion;
use metrics_core::LabelSet;
use metrics_core::relabel::{Action, Rule, relabel};

fn rules(c: &mut Criterion) {
    let sample = LabelSet::from_pairs([
        ("__name__", "http_request_duration_seconds_bucket"),
        ("handler", "/api/v1/query_range"),
        ("instance", "app-17.eu-west-1.example.net:8080"),
        ("job", "api"),
        ("le", "0.5"),
        ("method", "GET"),
        ("status", "200"),
        ("tenant", "blue"),
    ]);
    let host = Rule {
        source_labels: vec!["instance".into()],
        pattern: r"([^.]+)\..*:\d+".parse().expect("a valid pattern"),
        target_label: "host".into(),
        ..Rule::new(Action::Replace)
    };
    let drop_go = Rule {
        source_labels: vec!["__name__".into()],
        pattern: "go_.*".parse().expect("a valid pattern"),
        ..Rule::new(Action::Drop)
    };
    let labeldrop =
        Rule { pattern: "tenant".parse().expect("a valid pattern"), ..Rule::new(Action::LabelDrop) };

    let mut group = c.benchmark_group("relabel");
    for (name, rules) in [
        ("drop that does not match", vec![drop_go.clone()]),
        ("replace with a capture", vec![host.clone()]),
        ("labeldrop", vec![labeldrop.clone()]),
        ("all three", vec![drop_go, host, labeldrop]),
    ] {
        group.bench_function(name, |b| b.iter(|| relabel(black_box(&sample), &rules)));
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    rules(&mut criterion);
    criterion.final_summary();
}
