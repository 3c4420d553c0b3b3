//! Any operations in any order, with samples that come late: the store answers as a sorted set of times would. Values
//! follow from times, since which of two late samples of one time stays is a matter of chunks.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

mod model_frame;

use std::collections::{BTreeMap, BTreeSet};

use metrics_core::{Append, AppendError, LabelSet, MatchOp, Matcher, SeriesRef, TimeRange};
use model_frame::{Store, Upkeep, options, upkeep};
use proptest::prelude::*;
use tsdb::Options;

const WINDOW: i64 = 2500;
const SERIES: usize = 4;

#[derive(Debug, Clone)]
enum Operation {
    /// A batch: for each sample a series and a step from the newest time.
    Append { samples: Vec<(usize, i64)>, commit: bool },
    /// What should not show.
    Upkeep(Upkeep),
    /// Delete from one series or all.
    Delete { series: usize, back: i64, len: i64 },
    /// Compare some of it with the model.
    Select { series: usize, back: i64, len: i64 },
}

fn operation() -> impl Strategy<Value = Operation> {
    let step = prop_oneof![3 => 0i64..60, 2 => -300i64..0, 1 => -3000i64..0];
    prop_oneof![
        12 => (proptest::collection::vec((0..SERIES, step), 1..60), proptest::bool::weighted(0.9))
            .prop_map(|(samples, commit)| Operation::Append { samples, commit }),
        6 => upkeep().prop_map(Operation::Upkeep),
        1 => (0..=SERIES, 0i64..3000, 0i64..1000)
            .prop_map(|(series, back, len)| Operation::Delete { series, back, len }),
        3 => (0..=SERIES, 0i64..5000, 0i64..3000)
            .prop_map(|(series, back, len)| Operation::Select { series, back, len }),
    ]
}

fn labels(series: usize) -> LabelSet {
    LabelSet::from_pairs([("__name__", "m"), ("series", &series.to_string())])
}

/// One series, or all where there is none of that number.
fn matchers(series: usize) -> Vec<Matcher> {
    match series {
        SERIES => vec![Matcher::metric_name("m")],
        one => vec![Matcher::new("series", MatchOp::Equal, one.to_string()).unwrap()],
    }
}

/// The store, and what should be in it.
struct Pair {
    store: Store,
    model: BTreeMap<usize, BTreeSet<i64>>,
    /// Samples that may be there or not: the newest of a series was deleted and appended again, and the store knows it as
    /// a repetition unless it has forgotten it.
    unsure: BTreeSet<(usize, i64)>,
    newest_of: BTreeMap<usize, i64>,
    newest: i64,
}

impl Pair {
    fn new(options: Options) -> Self {
        let (model, unsure, newest_of) = Default::default();
        let store = Store::new(Options {
            out_of_order_window: WINDOW,
            // Small, so that many are filled.
            out_of_order_chunk_samples: 4,
            ..options
        });
        Self { store, model, unsure, newest_of, newest: 10_000 }
    }

    fn run(&mut self, operation: &Operation) {
        match operation {
            Operation::Append { samples, commit } => self.append(samples, *commit),
            Operation::Upkeep(upkeep) => self.store.keep_up(*upkeep, self.newest),
            Operation::Delete { series, back, len } => self.delete(*series, self.newest - back, *len),
            Operation::Select { series, back, len } => {
                let start = self.newest - back;
                self.compare(*series, TimeRange::new(start, start + len));
            }
        }
    }

    fn append(&mut self, samples: &[(usize, i64)], commit: bool) {
        let mut batch = self.store.db().batch();
        let (mut taken, mut newest) = (Vec::new(), self.newest);
        for (series, step) in samples {
            let t = newest + step;
            match batch.append_float(SeriesRef::UNKNOWN, &labels(*series), t, t as f64) {
                Ok(_) => {
                    taken.push((*series, t));
                    newest = newest.max(t);
                }
                Err(AppendError::TooOld) => assert!(t < newest - WINDOW, "{t} of {newest}"),
                Err(other) => panic!("{other}"),
            }
        }
        if !commit {
            batch.rollback();
            return;
        }
        batch.commit().unwrap();
        self.newest = newest;
        for (series, t) in taken {
            let known = self.model.entry(series).or_default();
            if self.newest_of.get(&series) == Some(&t) && !known.contains(&t) {
                self.unsure.insert((series, t));
            }
            known.insert(t);
            let newest = self.newest_of.entry(series).or_insert(t);
            *newest = t.max(*newest);
        }
    }

    fn delete(&mut self, series: usize, start: i64, len: i64) {
        let range = TimeRange::new(start, start + len);
        self.store.db().delete(&matchers(series), range).unwrap();
        for (number, times) in &mut self.model {
            if series == SERIES || series == *number {
                times.retain(|t| !range.contains(*t));
            }
        }
        self.unsure.retain(|(number, t)| !range.contains(*t) || series != SERIES && series != *number);
    }

    fn compare(&self, series: usize, range: TimeRange) {
        let sure = |number: usize, t: &i64| !self.unsure.contains(&(number, *t));
        let expected: BTreeMap<usize, Vec<i64>> = self
            .model
            .iter()
            .filter(|(number, _)| series == SERIES || series == **number)
            .map(|(number, times)| {
                (
                    *number,
                    times.range(range.start..=range.end).copied().filter(|t| sure(*number, t)).collect(),
                )
            })
            .filter(|(_, times): &(usize, Vec<i64>)| !times.is_empty())
            .collect();
        let mut rows = BTreeMap::new();
        for (labels, samples) in self.store.rows(&matchers(series), range) {
            assert!(samples.iter().all(|(t, v)| *t as f64 == *v));
            let number: usize = labels.value("series").parse().unwrap();
            let times: Vec<i64> = samples.iter().map(|(t, _)| *t).filter(|t| sure(number, t)).collect();
            if !times.is_empty() {
                rows.insert(number, times);
            }
        }
        assert_eq!(rows, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_a_set(
        options in options(),
        operations in proptest::collection::vec(operation(), 1..50),
    ) {
        let mut pair = Pair::new(options);
        for operation in &operations {
            pair.run(operation);
        }
        pair.compare(SERIES, TimeRange::ALL);
        for upkeep in [Upkeep::Reopen, Upkeep::Close] {
            pair.run(&Operation::Upkeep(upkeep));
            pair.compare(SERIES, TimeRange::ALL);
        }
    }
}
