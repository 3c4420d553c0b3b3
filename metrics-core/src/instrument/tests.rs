//! The registry with everything in it.

use super::*;
use crate::family::{MetricFamily, MetricValue};
use crate::{LabelSet, MetricType};

/// One line per member: name, labels, value.
fn lines(gathered: &Gathered) -> Vec<String> {
    let member = |f: &MetricFamily| {
        let name = f.name.clone();
        f.metrics.iter().map(move |m| format!("{name}{} {:?}", m.labels, m.value)).collect::<Vec<_>>()
    };
    gathered.families.iter().flat_map(member).collect()
}

fn gauge_family(name: &str, help: &str, members: &[(&[(&str, &str)], f64)]) -> MetricFamily {
    let mut family = MetricFamily::new(name, help, MetricType::Gauge);
    for (labels, value) in members {
        family.push(LabelSet::from_pairs(labels.iter().copied()), MetricValue::Gauge(*value));
    }
    family
}

#[test]
fn doors_add_prefix_and_labels_to_instruments_and_collectors() {
    let registry = Registry::new();
    registry.gauge("a", "A.").unwrap().set(1.0);
    let door = registry.with_prefix("x").with_prefix("y").const_label("zone", "eu").const_label("app", "z");
    door.gauge_family("b", "B.", ["k"]).unwrap().get(["v"]).set(2.0);
    door.register_collector("c", |out: &mut Vec<MetricFamily>| {
        out.push(gauge_family("c", "C.", &[(&[("zone", "own")], 3.0)]));
        Ok(())
    })
    .unwrap();
    assert_eq!(
        lines(&registry.gather()),
        [
            "a{} Gauge(1.0)",
            r#"x_y_b{app="z", k="v", zone="eu"} Gauge(2.0)"#,
            r#"x_y_c{app="z", zone="own"} Gauge(3.0)"#,
        ]
    );
    assert_eq!(lines(&door.gather()), lines(&registry.gather()));
}

#[test]
fn names_get_their_suffixes() {
    let registry = Registry::new();
    registry.register(Desc::new("a", "").unit("bytes"), Counter::new()).unwrap();
    registry.register(Desc::new("b_total", ""), Counter::new()).unwrap();
    registry.register(Desc::new("c_seconds", "").unit("seconds"), Gauge::new()).unwrap();
    registry.register(("d_seconds_total", ""), Counter::new()).unwrap();
    let names: Vec<String> = registry.gather().families.into_iter().map(|f| f.name).collect();
    assert_eq!(names, ["a_bytes_total", "b_total", "c_seconds", "d_seconds_total"]);
}

#[test]
fn the_same_name_with_other_constant_labels_is_another_series() {
    let registry = Registry::new();
    registry.clone().const_label("shard", "1").counter("n", "N.").unwrap().inc();
    registry.clone().const_label("shard", "0").counter("n", "N.").unwrap().add(2);
    assert_eq!(registry.gather().families.len(), 1);
    assert_eq!(
        lines(&registry.gather()),
        [
            r#"n_total{shard="0"} Counter { total: 2.0, exemplar: None }"#,
            r#"n_total{shard="1"} Counter { total: 1.0, exemplar: None }"#,
        ]
    );
}

#[test]
fn refusals_name_both_sides() {
    let registry = Registry::new();
    registry.counter_family("a", "A.", ["x"]).unwrap();
    registry.histogram("h", "H.", Buckets::new([1.0]).unwrap()).unwrap();
    let cases: [(RegisterError, &str); 11] = [
        (
            registry.gauge("a_total", "A.").unwrap_err(),
            r#""a_total": it is registered as a counter, not as a gauge"#,
        ),
        (
            registry.counter_family("a", "B.", ["x"]).unwrap_err(),
            r#""a_total": it is registered with the help "A.", not "B.""#,
        ),
        (
            registry.counter_family("a", "A.", ["y"]).unwrap_err(),
            r#""a_total": it is registered with the labels ["x"], not ["y"]"#,
        ),
        (
            registry.clone().const_label("z", "1").counter_family("a", "A.", ["x"]).unwrap_err(),
            r#""a_total": it is registered with the labels ["x"], not ["x", "z"]"#,
        ),
        (
            registry
                .obtain(Desc::new("a_total", "A.").unit("total"), Family::new(["x"], Counter::new))
                .unwrap_err(),
            r#""a_total_total": its sample "a_total" is also one of "a_total""#,
        ),
        (
            registry.histogram("h", "H.", Buckets::new([2.0]).unwrap()).unwrap_err(),
            r#""h": it is registered with the buckets [1.0], not [2.0]"#,
        ),
        (
            registry.gauge("h_count", "C.").unwrap_err(),
            r#""h_count": its sample "h_count" is also one of "h""#,
        ),
        (
            registry.histogram_family("i", "I.", ["le"], Buckets::default()).unwrap_err(),
            r#""i": label "le" is reserved"#,
        ),
        (registry.gauge_family("j", "J.", ["__x"]).unwrap_err(), r#""j": label "__x" is reserved"#),
        (registry.gauge_family("j", "J.", ["x", "x"]).unwrap_err(), r#""j": label "x" appears twice"#),
        (registry.gauge("", "").unwrap_err(), r#""": the name is empty"#),
    ];
    for (error, message) in cases {
        assert_eq!(error.to_string(), format!("cannot register metric {message}"));
    }
    let second = registry.register(("h", "H."), Histogram::new(Buckets::new([1.0]).unwrap())).unwrap_err();
    assert_eq!(second.problem, Problem::Taken);
    // Nothing refused has left a trace.
    assert_eq!(registry.gather().errors.len(), 0);
    registry.gauge("j", "J.").unwrap();
}

#[test]
fn one_broken_collector_spoils_nothing_else() {
    let registry = Registry::new();
    registry.gauge("a", "A.").unwrap();
    registry
        .register_collector("broken", |out: &mut Vec<MetricFamily>| {
            out.push(gauge_family("before", "B.", &[(&[], 1.0)]));
            Err(CollectError::new("the disk is gone"))
        })
        .unwrap();
    registry
        .register_collector("odd", |out: &mut Vec<MetricFamily>| {
            out.push(gauge_family("a", "Other words.", &[(&[], 1.0)]));
            out.push(gauge_family(
                "twice",
                "T.",
                &[(&[("k", "v")], 1.0), (&[("k", "v")], 2.0), (&[("k", "w")], 3.0)],
            ));
            out.push(gauge_family("before", "B.", &[(&[("k", "v")], 2.0)]));
            Ok(())
        })
        .unwrap();
    assert!(registry.register_collector("odd", |_: &mut Vec<MetricFamily>| Ok(())).is_err());
    let gathered = registry.gather();
    assert_eq!(
        lines(&gathered),
        [
            "a{} Gauge(0.0)",
            "before{} Gauge(1.0)",
            r#"before{k="v"} Gauge(2.0)"#,
            r#"twice{k="v"} Gauge(1.0)"#,
            r#"twice{k="w"} Gauge(3.0)"#,
        ]
    );
    let errors: Vec<String> = gathered.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            r#"collector "broken" failed: the disk is gone"#,
            r#"collector "odd" shows "a" with another type, help or unit than before"#,
            r#"metric "twice" was collected twice with labels {k="v"}"#,
        ]
    );
    assert!(registry.unregister("broken") && registry.unregister("a") && !registry.unregister("a"));
    assert!(registry.gather().errors.iter().all(|e| matches!(e, GatherError::Duplicate { .. })));
}

#[test]
fn a_panic_in_a_collector_is_one_failure_among_others() {
    let registry = Registry::new();
    registry.gauge("a", "A.").unwrap();
    registry.register_collector("wild", |_: &mut Vec<MetricFamily>| panic!("on purpose")).unwrap();
    let gathered = registry.gather();
    assert_eq!(lines(&gathered), ["a{} Gauge(0.0)"]);
    assert_eq!(gathered.errors[0].to_string(), r#"collector "wild" failed: it panicked"#);
}

#[test]
fn a_collector_may_use_the_registry() {
    let registry = Registry::new();
    let inside = registry.clone();
    registry
        .register_collector("self", move |out: &mut Vec<MetricFamily>| {
            inside.counter("collections", "Collections.")?.inc();
            out.push(gauge_family("x", "X.", &[(&[], 1.0)]));
            Ok(())
        })
        .unwrap();
    assert_eq!(lines(&registry.gather()), ["x{} Gauge(1.0)"]);
    assert_eq!(registry.counter("collections", "Collections.").unwrap().value(), 1.0);
}

#[test]
fn a_family_without_members_is_not_shown() {
    let registry = Registry::new();
    registry.counter_family("a", "A.", ["x"]).unwrap();
    assert!(registry.gather().families.is_empty());
}

#[test]
fn what_counts_knows_since_when() {
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
    static NOW: AtomicI64 = AtomicI64::new(1000);
    let registry = Registry::new().clock(|| NOW.load(Relaxed));
    registry.counter("a", "A.").unwrap();
    registry.gauge("b", "B.").unwrap();
    let family = registry.counter_family("c", "C.", ["k"]).unwrap();
    family.inc(["x"]);
    NOW.store(2000, Relaxed);
    family.inc(["y"]);
    let created: Vec<_> =
        registry.gather().families.iter().flat_map(|f| f.metrics.iter().map(|m| m.created)).collect();
    assert_eq!(created, [Some(1000), None, Some(1000), Some(2000)]);
}

#[test]
fn full_families_are_shown() {
    let registry = Registry::new();
    let family = Family::new(["k"], Counter::new).max_members(1);
    registry.register(("a", "A."), family.clone()).unwrap();
    family.inc(["x"]);
    assert_eq!(registry.value("metrics_family_refused_total", &[("metric", "a_total")]), None);
    family.inc(["y"]);
    family.inc(["z"]);
    assert_eq!(registry.value("metrics_family_refused_total", &[("metric", "a_total")]), Some(2.0));
    assert_eq!(registry.value("a_total", &[("k", "overflow")]), Some(2.0));
}
