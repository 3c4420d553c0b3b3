//! Any operations in any order: the store answers as a sorted map would.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

mod model_frame;

use std::collections::BTreeMap;

use metrics_core::{Append, AppendError, LabelSet, MatchOp, Matcher, Select, SeriesRef, TimeRange};
use model_frame::{Rows, Store, Upkeep, options, upkeep};
use proptest::prelude::*;
use tsdb::Options;

const SERIES: usize = 6;

#[derive(Debug, Clone)]
enum Operation {
    /// A batch: for each sample a series, a step from the newest time, and a value.
    Append { samples: Vec<(usize, i64, u8)>, commit: bool },
    /// What should not show.
    Upkeep(Upkeep),
    /// Compare some of it with the model.
    Select { start: i64, len: i64, matcher: usize },
}

fn operation() -> impl Strategy<Value = Operation> {
    let sample = (0..SERIES, -60i64..100, 0u8..4);
    prop_oneof![
        10 => (proptest::collection::vec(sample, 1..40), proptest::bool::weighted(0.9))
            .prop_map(|(samples, commit)| Operation::Append { samples, commit }),
        6 => upkeep().prop_map(Operation::Upkeep),
        4 => (0i64..6000, 0i64..3000, 0usize..6)
            .prop_map(|(start, len, matcher)| Operation::Select { start, len, matcher }),
    ]
}

fn labels(series: usize) -> LabelSet {
    let job = ["a", "b", ""][series % 3];
    LabelSet::from_pairs([("__name__", "m"), ("job", job), ("series", &series.to_string())])
}

fn matchers(which: usize) -> Vec<Matcher> {
    let new = |name, op, value| vec![Matcher::new(name, op, value).unwrap()];
    match which {
        0 => Vec::new(),
        1 => new("job", MatchOp::Equal, "a"),
        2 => new("job", MatchOp::Equal, ""),
        3 => new("job", MatchOp::NotEqual, "a"),
        4 => new("series", MatchOp::Regex, "[135]"),
        _ => new("job", MatchOp::NotRegex, "a|b"),
    }
}

type Samples = BTreeMap<i64, f64>;

/// The store, and what should be in it.
struct Pair {
    store: Store,
    model: BTreeMap<LabelSet, Samples>,
    newest: i64,
    refs: Vec<SeriesRef>,
}

impl Pair {
    fn new(options: Options) -> Self {
        let (store, model) = (Store::new(options), BTreeMap::new());
        Self { store, model, newest: 0, refs: vec![SeriesRef::UNKNOWN; SERIES] }
    }

    fn run(&mut self, operation: &Operation) {
        match operation {
            Operation::Append { samples, commit } => self.append(samples, *commit),
            Operation::Upkeep(upkeep) => self.store.keep_up(*upkeep, self.newest),
            Operation::Select { start, len, matcher } => {
                self.compare(&matchers(*matcher), TimeRange::new(*start, start + len));
            }
        }
    }

    fn append(&mut self, samples: &[(usize, i64, u8)], commit: bool) {
        let mut batch = self.store.db().batch();
        let mut taken: BTreeMap<LabelSet, Samples> = BTreeMap::new();
        let mut newest = self.newest;
        for (series, step, value) in samples {
            let (labels, t, v) = (labels(*series), newest + step, f64::from(*value));
            match batch.append_float(self.refs[*series], &labels, t, v) {
                Ok(reference) => {
                    self.refs[*series] = reference;
                    let known = self.model.get(&labels).and_then(|s| s.last_key_value());
                    // Taken means: newer than all that was committed, or the newest again.
                    assert!(known.is_none_or(|(last, value)| t > *last || t == *last && v == *value));
                    // Within the batch, what is not newer is dropped without a word, as in the original.
                    let last = taken.get(&labels).and_then(|s| s.last_key_value()).or(known);
                    if last.is_none_or(|(last, _)| t > *last) {
                        taken.entry(labels).or_default().insert(t, v);
                        newest = newest.max(t);
                    }
                }
                Err(AppendError::OutOfOrder | AppendError::Duplicate | AppendError::OutOfBounds) => {}
                Err(other) => panic!("{other}"),
            }
        }
        if !commit {
            batch.rollback();
            return;
        }
        batch.commit().unwrap();
        self.newest = newest;
        for (labels, samples) in taken {
            self.model.entry(labels).or_default().extend(samples);
        }
    }

    fn compare(&self, matchers: &[Matcher], range: TimeRange) {
        let expected: Rows = self
            .model
            .iter()
            .filter(|(labels, _)| matchers.iter().all(|m| m.matches_labels(labels)))
            .map(|(labels, s)| {
                (labels.clone(), s.range(range.start..=range.end).map(|(t, v)| (*t, *v)).collect())
            })
            .filter(|(_, samples): &(LabelSet, Vec<_>)| !samples.is_empty())
            .collect();
        assert_eq!(self.store.rows(matchers, range), expected);
        let jobs: Vec<&str> =
            expected.keys().map(|labels| labels.value("job")).filter(|job| !job.is_empty()).collect();
        let values = self.store.db().label_values("job", matchers, range).unwrap();
        for job in jobs {
            assert!(values.iter().any(|v| v == job));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_a_map(
        options in options(),
        operations in proptest::collection::vec(operation(), 1..60),
    ) {
        let mut pair = Pair::new(options);
        for operation in &operations {
            pair.run(operation);
        }
        pair.compare(&[], TimeRange::ALL);
        for upkeep in [Upkeep::Reopen, Upkeep::Close] {
            pair.run(&Operation::Upkeep(upkeep));
            pair.compare(&[], TimeRange::ALL);
        }
    }
}
