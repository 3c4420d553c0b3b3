//! Whatever a query says, the parser and the engine answer or refuse: they never panic, nor go beyond limits.
#![allow(clippy::unwrap_used)] // what the test puts into its store is taken

use metrics_core::{Append, LabelSet, MemStore, SeriesRef};
use promql::parser::{AggregateOp, FUNCTIONS};
use promql::{Engine, Options, QueryError};
use proptest::prelude::*;

#[allow(unreachable_pub, reason = "public in the fuzzing crate")]
#[path = "../fuzz/src/world.rs"]
mod world;

use world::store;

fn engine() -> Engine {
    world::engine(100_000)
}

/// Runs a query both ways; an error is an answer.
fn run(engine: &Engine, store: &MemStore, query: &str) {
    let _ = engine.instant(store, query, 600_000);
    let _ = engine.range(store, query, 0, 1_200_000, 60_000);
}

/// Queries that are mostly well formed: words of the language put together by its rules.
fn queries() -> impl Strategy<Value = String> {
    let selector = prop_oneof![
        Just("c_total"),
        Just("g"),
        Just("n"),
        Just("h_bucket"),
        Just("target_info"),
        Just("nothing"),
        Just(r#"{job=~".+"}"#),
        Just("g offset 3m"),
        Just("n @ 300"),
        Just("c_total smoothed"),
        Just("g offset -1d"),
        Just("c_total @ end()"),
    ];
    let number = prop_oneof![
        Just("0"),
        Just("1"),
        Just("-1"),
        Just("0.5"),
        Just("NaN"),
        Just("Inf"),
        Just("-Inf"),
        Just("1e300"),
        Just("time()"),
        Just("scalar(g)"),
        Just("9223372036854775807"),
    ];
    let leaf = prop_oneof![4 => selector, 1 => number].prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let range = prop_oneof![
            Just("[5m]"),
            Just("[1ms]"),
            Just("[10m:1m]"),
            Just("[3m:17s] offset 1m"),
            Just("[1h:]"),
            Just("[5m] anchored"),
            Just("[5m] smoothed"),
            Just("[2m] @ 100"),
        ];
        let function = (0..FUNCTIONS.len()).prop_map(|i| &FUNCTIONS[i]);
        let op = prop_oneof![
            Just("+"),
            Just("-"),
            Just("*"),
            Just("/"),
            Just("%"),
            Just("^"),
            Just("atan2"),
            Just("=="),
            Just(">= bool"),
            Just("< on(job)"),
            Just("and"),
            Just("or"),
            Just("unless ignoring(le)"),
            Just("* on(job) group_left(version)"),
            Just("- on(job) group_right fill(0)"),
            Just("</"),
            Just(">/"),
        ];
        let aggregate = prop_oneof![
            Just(AggregateOp::Sum),
            Just(AggregateOp::Avg),
            Just(AggregateOp::Stddev),
            Just(AggregateOp::Topk),
            Just(AggregateOp::Quantile),
            Just(AggregateOp::Limitk),
            Just(AggregateOp::LimitRatio),
            Just(AggregateOp::Max),
            Just(AggregateOp::Group),
            Just(AggregateOp::Bottomk),
        ];
        let grouping = prop_oneof![Just(""), Just("by (job)"), Just("without (le)"), Just("by (__name__)")];
        prop_oneof![
            (inner.clone(), range.clone(), function.clone())
                .prop_map(|(e, r, f)| format!("{}(({e}){r})", f.name)),
            (inner.clone(), inner.clone(), range, function.clone())
                .prop_map(|(p, e, r, f)| format!("{}({p}, {e}{r})", f.name)),
            (inner.clone(), inner.clone(), function.clone())
                .prop_map(|(a, b, f)| format!("{}({a}, {b})", f.name)),
            (inner.clone(), function).prop_map(|(e, f)| format!("{}({e})", f.name)),
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            (inner.clone(), aggregate, grouping, inner.clone()).prop_map(|(p, a, g, e)| {
                match a.param_type() {
                    Some(_) => format!("{} {g} (scalar({p}), {e})", a.as_str()),
                    None => format!("{} {g} ({e})", a.as_str()),
                }
            }),
            inner.prop_map(|e| format!("-({e})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn queries_by_the_rules_are_answered_or_refused(query in queries()) {
        run(&engine(), &store(), &query);
    }

    #[test]
    fn any_text_is_answered_or_refused(query in r#"[a-z0-9(){}\[\]"' .,:@=~!<>+*/%^$\\-]{0,40}"#) {
        run(&engine(), &store(), &query);
    }
}

#[test]
fn limits_hold() {
    let store = store();
    let mut options = Options::default();
    options.max_samples = 50;
    let small = Engine::new(options);
    let refused = small.range(&store, "{job=~\".+\"}", 0, 1_200_000, 60_000);
    assert!(matches!(refused, Err(QueryError::TooManySamples)), "{refused:?}");
    let refused = small.range(&store, "vector(1)", 0, i64::MAX, 1);
    assert!(matches!(refused, Err(QueryError::TooManySamples)), "{refused:?}");
    assert!(small.instant(&store, "sum(c_total)", 600_000).is_ok());
    let refused = small.instant(&store, "max_over_time(vector(1)[100y:1ms])", 600_000);
    assert!(matches!(refused, Err(QueryError::TooManySamples)), "{refused:?}");
    let refused = engine().range(&store, "c_total", 0, 60_000, 0);
    assert!(matches!(refused, Err(QueryError::Step(0))), "{refused:?}");
}

#[test]
fn threads_change_no_bit() {
    let store = MemStore::default();
    let mut batch = store.batch();
    for series in 0..400 {
        let labels = LabelSet::from_pairs([("__name__", "m_total"), ("n", &format!("{series:03}"))]);
        for minute in 0..60i64 {
            let value = (series as f64 + 0.1).sqrt() * minute as f64 * 1.1;
            batch.append_float(SeriesRef::UNKNOWN, &labels, minute * 60_000, value).unwrap();
        }
    }
    batch.commit().unwrap();
    let answer = |threads| {
        let mut options = Options::default();
        options.threads = threads;
        let query = "sum(rate(m_total[5m])) + avg(m_total) * stddev(m_total)";
        Engine::new(options).range(&store, query, 600_000, 3_600_000, 10_000).unwrap().value
    };
    assert_eq!(answer(1), answer(4));
}
