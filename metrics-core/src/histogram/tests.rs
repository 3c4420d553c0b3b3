use proptest::prelude::*;

use super::*;

fn span(offset: i32, length: u32) -> Span {
    Span { offset, length }
}

fn simple(schema: i32, offset: i32, buckets: &[f64]) -> FloatHistogram {
    FloatHistogram {
        schema,
        count: buckets.iter().sum(),
        sum: 7.5,
        positive_spans: vec![span(offset, buckets.len() as u32)],
        positive_buckets: buckets.to_vec(),
        ..FloatHistogram::default()
    }
}

fn custom(bounds: &[f64], buckets: &[f64]) -> FloatHistogram {
    FloatHistogram { custom_values: bounds.to_vec(), ..simple(CUSTOM_BUCKETS_SCHEMA, 0, buckets) }
}

#[test]
fn prints_populated_buckets_in_order() {
    let h = FloatHistogram {
        count: 3493.3,
        sum: 2349209.324,
        zero_threshold: 0.01,
        zero_count: 5.5,
        positive_spans: vec![span(-2, 1), span(2, 3)],
        positive_buckets: vec![1.0, 3.3, 4.2, 0.1],
        negative_spans: vec![span(3, 2)],
        negative_buckets: vec![3.1, 3.0],
        ..FloatHistogram::default()
    };
    assert_eq!(
        h.to_string(),
        "{count:3493.3, sum:2.349209324e+06, [-16,-8):3, [-8,-4):3.1, [-0.01,0.01]:5.5, (0.125,0.25]:1, \
         (1,2]:3.3, (2,4]:4.2, (4,8]:0.1}"
    );
    let h = custom(&[1.0, 5.0], &[1.0, 0.0, 2.0]);
    assert_eq!(h.to_string(), "{count:3, sum:7.5, [-Inf,1]:1, (5,+Inf]:2}");
}

#[test]
fn adding_inserts_missing_buckets() {
    let mut h = simple(0, 0, &[1.0, 2.0]);
    h.add(&simple(0, 4, &[5.0])).unwrap();
    h.add(&simple(0, -1, &[9.0])).unwrap();
    assert_eq!(h.positive_spans, [span(-1, 3), span(2, 1)]);
    assert_eq!(h.positive_buckets, [9.0, 1.0, 2.0, 5.0]);
    assert_eq!((h.count, h.sum), (17.0, 22.5));
}

#[test]
fn adding_takes_the_coarser_schema() {
    let fine = simple(1, 1, &[1.0, 2.0, 4.0]);
    let mut coarse = simple(0, 1, &[10.0]);
    coarse.add(&fine).unwrap();
    assert_eq!((coarse.schema, coarse.positive_buckets.as_slice()), (0, &[13.0, 4.0][..]));
    let mut other_way = fine;
    other_way.add(&simple(0, 1, &[10.0])).unwrap();
    assert_eq!(other_way.positive_buckets, coarse.positive_buckets);
}

#[test]
fn a_wider_zero_bucket_swallows_whole_buckets() {
    let mut narrow = simple(0, 0, &[1.0, 2.0, 4.0]);
    let wide = FloatHistogram { zero_threshold: 1.5, zero_count: 3.0, ..simple(0, 3, &[1.0]) };
    narrow.add(&wide).unwrap();
    // The bucket (1, 2] lies across 1.5 and is populated, so that the zero bucket grows to 2.
    assert_eq!((narrow.zero_threshold, narrow.zero_count), (2.0, 6.0));
    assert_eq!((narrow.positive_spans, narrow.positive_buckets), (vec![span(2, 2)], vec![4.0, 1.0]));
}

#[test]
fn custom_buckets_meet_at_common_bounds() {
    let mut h = custom(&[1.0, 2.0, 5.0], &[1.0, 2.0, 3.0, 4.0]);
    let seen = h.add(&custom(&[2.0, 3.0, 5.0], &[10.0, 20.0, 30.0, 40.0])).unwrap();
    assert!(seen.bounds_reconciled);
    assert_eq!(h.custom_values, [2.0, 5.0]);
    assert_eq!(h.positive_buckets, [13.0, 53.0, 44.0]);
    assert!(h.add(&simple(0, 0, &[1.0])).is_err());
}

#[test]
fn resets_are_seen_in_counts_buckets_and_resolution() {
    let before = simple(1, 0, &[1.0, 2.0, 3.0]);
    let grown = |buckets: &[f64]| FloatHistogram { count: 100.0, ..simple(1, 0, buckets) };
    assert!(!grown(&[1.0, 2.0, 3.0]).detect_reset(&before));
    assert!(grown(&[1.0, 2.0, 2.0]).detect_reset(&before));
    assert!(grown(&[1.0, 2.0]).detect_reset(&before));
    assert!(simple(1, 0, &[1.0]).detect_reset(&before));
    assert!(FloatHistogram { schema: 2, ..grown(&[9.0; 9]) }.detect_reset(&before));
    assert!(!FloatHistogram { schema: 0, ..grown(&[1.0, 5.0]) }.detect_reset(&before));
    assert!(FloatHistogram { schema: 0, ..grown(&[1.0, 4.0]) }.detect_reset(&before));
    let hinted = FloatHistogram { reset_hint: ResetHint::NotReset, ..simple(1, 0, &[0.0]) };
    assert!(!hinted.detect_reset(&before));
    let mut fewer_bounds = custom(&[2.0], &[3.0, 7.0]);
    assert!(!fewer_bounds.detect_reset(&custom(&[1.0, 2.0], &[1.0, 2.0, 7.0])));
    fewer_bounds.positive_buckets[0] = 2.0;
    fewer_bounds.positive_buckets[1] = 8.0;
    assert!(fewer_bounds.detect_reset(&custom(&[1.0, 2.0], &[1.0, 2.0, 7.0])));
}

#[test]
fn trimming_divides_the_bucket_at_the_bound() {
    let mut below = custom(&[10.0, 20.0], &[0.0, 4.0, 6.0]);
    let mut above = below.clone();
    below.trim(15.0, Keep::Below);
    assert_eq!((below.count, below.sum, below.positive_buckets.as_slice()), (2.0, 25.0, &[2.0][..]));
    above.trim(15.0, Keep::Above);
    assert_eq!((above.count, above.positive_buckets.as_slice()), (8.0, &[2.0, 6.0][..]));
}

#[test]
fn contradictions_are_named() {
    let good = Histogram {
        count: 3,
        positive_spans: vec![span(0, 2)],
        positive_buckets: vec![1, 1],
        ..Histogram::default()
    };
    assert_eq!(good.validate(), Ok(()));
    assert_eq!(
        Histogram { count: 4, ..good.clone() }.validate(),
        Err(HistogramError::CountMismatch { buckets: 3, count: 4 })
    );
    assert_eq!(Histogram { count: 4, sum: f64::NAN, ..good.clone() }.validate(), Ok(()));
    assert_eq!(Histogram { schema: 9, ..good.clone() }.validate(), Err(HistogramError::Schema(9)));
    assert_eq!(
        Histogram { positive_buckets: vec![1], ..good }.validate(),
        Err(HistogramError::BucketCount { needed: 2, found: 1 })
    );
    assert_eq!(
        custom(&[2.0, 1.0], &[1.0]).validate(),
        Err(HistogramError::CustomBounds { previous: 2.0, current: 1.0 })
    );
}

prop_compose! {
    fn any_histogram()(
        schema in 0..4i32,
        positive in proptest::collection::btree_map(-6..12i32, 0u8..9, 0..8),
        negative in proptest::collection::btree_map(-6..12i32, 0u8..9, 0..8),
        zero in 0u8..5,
        threshold in prop_oneof![Just(0.0), Just(0.125), Just(0.5), Just(2.0)],
    ) -> FloatHistogram {
        let side = |map: std::collections::BTreeMap<i32, u8>| {
            let mut layout = spans::Layout::with_capacity(0);
            // Buckets inside the zero bucket would be counted twice.
            for (index, count) in map.into_iter().filter(|(i, _)| upper_bound(i - 1, schema, &[]) >= threshold) {
                layout.push(index, f64::from(count));
            }
            (layout.spans, layout.buckets)
        };
        let (positive_spans, positive_buckets) = side(positive);
        let (negative_spans, negative_buckets) = side(negative);
        let zero_count = f64::from(zero);
        let count = positive_buckets.iter().chain(&negative_buckets).sum::<f64>() + zero_count;
        FloatHistogram {
            schema, zero_threshold: threshold, zero_count, count, sum: count * 1.5,
            positive_spans, positive_buckets, negative_spans, negative_buckets,
            ..FloatHistogram::default()
        }
    }
}

proptest! {
    // Small whole counts, so that every order of additions is exact.
    #[test]
    fn addition_commutes_and_keeps_observations(a in any_histogram(), b in any_histogram()) {
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.add(&b).unwrap();
        ba.add(&a).unwrap();
        prop_assert!(ab.compact().same_data(ba.compact()), "{} {}", ab, ba);
        let inside: f64 = ab.positive_buckets.iter().chain(&ab.negative_buckets).sum();
        prop_assert_eq!(inside + ab.zero_count, ab.count);
        let mut compensated = CompensatedHistogram::new(a.clone());
        compensated.add(&b).unwrap();
        prop_assert!(compensated.into_total().compact().same_data(&ab));
    }

    #[test]
    fn what_grew_is_no_reset(a in any_histogram(), b in any_histogram()) {
        let mut sum = a.clone();
        sum.add(&b).unwrap();
        prop_assert!(!sum.detect_reset(&a) );
    }

    #[test]
    fn all_buckets_come_in_order(h in any_histogram()) {
        let forward: Vec<_> = h.all_buckets().collect();
        let mut backward: Vec<_> = h.all_buckets_back().collect();
        backward.reverse();
        prop_assert_eq!(&forward, &backward);
        prop_assert!(forward.windows(2).all(|w| w[0].upper <= w[1].lower));
    }
}
