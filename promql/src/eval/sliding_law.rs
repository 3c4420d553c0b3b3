//! The law of sliding windows: what moves along yields the very bits of what is read anew.

use parking_lot::Mutex;
use proptest::prelude::*;

use super::Notes;
use super::grid::Grid;
use super::range_source::WindowPlan;
use super::row::{ABSENT, is_absent};
use crate::functions::{Column, Samples, Window, Windows, range_function, sliding};
use crate::parser::{Edges, FUNCTIONS, Span};
use crate::plan::Shift;
use crate::value::Point;

/// Values that come together in practice, and those that break sums.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let whole = (0..50i32).prop_map(f64::from);
    let rising = (0..5i32).prop_map(f64::from);
    let any = prop_oneof![
        8 => (-1000..1000i32).prop_map(|i| f64::from(i) / 7.0),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), Just(0.0), Just(1e300)],
    ];
    prop_oneof![
        proptest::collection::vec(whole, 0..120),
        proptest::collection::vec(rising, 0..120).prop_map(|steps| {
            let mut sum = 0.0;
            steps
                .into_iter()
                .map(|s| {
                    if s == 0.0 {
                        std::mem::take(&mut sum) * 0.0
                    } else {
                        sum += s;
                        sum
                    }
                })
                .collect()
        }),
        proptest::collection::vec((-100..100i32).prop_map(|i| f64::from(i) / 10.0), 0..120),
        proptest::collection::vec(any, 0..120),
    ]
}

prop_compose! {
    fn columns()(
        values in values(),
        gaps in proptest::collection::vec(1..40_000i64, 120),
    ) -> (Vec<i64>, Vec<f64>) {
        let mut time = 0;
        let times = values.iter().zip(gaps).map(|(_, gap)| { time += gap; time }).collect();
        (times, values)
    }
}

/// Every window on its own.
fn plain(name: &str, times: &[i64], values: &[f64], windows: &Windows, params: &[Vec<f64>]) -> Vec<f64> {
    let function = range_function(name).unwrap().plain;
    let annotations = Mutex::default();
    let bounds = windows.bounds.iter().zip(&windows.edges).enumerate();
    bounds
        .map(|(step, ((lo, hi), (start, end)))| {
            if lo == hi {
                return ABSENT;
            }
            let floats = Samples { times, values, starts: &[] }.slice(*lo as usize, *hi as usize);
            let window = Window {
                floats,
                histograms: Samples { times: &[], values: &[], starts: &[] },
                start: *start,
                end: *end,
                edges: Edges::Plain,
                time: *end,
                params: [params[0][step], 0.0],
                metric: "m",
                notes: Notes::new(&annotations, Span::default()),
            };
            match function(&window).unwrap() {
                Some(Point::Float(v)) => v,
                _ => ABSENT,
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn sliding_equals_plain(
        (times, values) in columns(),
        start in -100_000..1_000_000i64,
        step in 1..120_000i64,
        count in 1..60usize,
        range in 1..400_000i64,
        quantiles in proptest::collection::vec(0.0..=1.0f64, 60),
    ) {
        let plan = WindowPlan {
            grid: Grid::new(start, step, count),
            shift: Shift::default(),
            range,
            edges: Edges::Plain,
            lookback: 300_000,
            is_stored: true,
        };
        let mut windows = Windows::default();
        plan.locate(&times, &mut windows);
        let params = [quantiles[..count].to_vec()];
        let slices: Vec<&[f64]> = params.iter().map(Vec::as_slice).collect();
        let mut slid = 0;
        for function in FUNCTIONS {
            let Some(mut sliding) = sliding(function.name) else { continue };
            let mut out = vec![ABSENT; count];
            let column = Column { times: &times, values: &values, windows: &windows };
            if !sliding.run(column, &slices, &mut out) {
                prop_assert!(out.iter().all(|v| is_absent(*v)), "{} wrote and gave up", function.name);
                continue;
            }
            slid += 1;
            let expected = plain(function.name, &times, &values, &windows, &params);
            let same = |(a, b): (&f64, &f64)| {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan() && is_absent(*a) == is_absent(*b))
            };
            prop_assert!(out.iter().zip(&expected).all(same), "{}: {out:?} {expected:?}", function.name);
        }
        prop_assert!(slid >= 9);
    }
}
