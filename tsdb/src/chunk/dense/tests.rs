use metrics_core::STALE_NAN;
use proptest::prelude::*;

use super::super::{EncodedChunk, Encoding, xor};
use super::*;

fn read(chunk: &EncodedChunk) -> (Vec<i64>, Vec<u64>) {
    let (mut t, mut v) = (vec![], vec![]);
    match chunk.encoding {
        Encoding::Dense => decode(&chunk.bytes, &mut t, &mut v).unwrap(),
        _ => xor::decode(&chunk.bytes, &mut t, &mut v).unwrap(),
    }
    (t, v.into_iter().map(f64::to_bits).collect())
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (0i64..100_000).prop_map(|n| n as f64 / 100.0),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => prop_oneof![Just(STALE_NAN), Just(f64::NAN), Just(-0.0), Just(f64::INFINITY), Just(1e300)],
    ]
}

/// Runs of one kind, as series are.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let runs = prop_oneof![
        3 => proptest::collection::vec(value(), 1..700),
        // Multiples of a page's size.
        1 => proptest::collection::vec((-50i64..50).prop_map(|n| (n * 4096 + 77) as f64), 1..700),
        // No decimals at all, of both signs.
        1 => proptest::collection::vec(any::<u64>().prop_map(f64::from_bits), 1..300),
        1 => proptest::collection::vec((1.0f64..2.0).prop_map(|v| v / 3.0), 1..300),
    ];
    runs.boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn samples_come_back_to_the_bit(
        values in values(),
        steps in proptest::collection::vec(prop_oneof![9 => Just(15_000i64), 1 => any::<i64>()], 700),
        at in any::<prop::sample::Index>(),
    ) {
        let mut t = 1_700_000_000_000i64;
        let times: Vec<i64> = steps.iter().take(values.len()).map(|s| { t = t.wrapping_add(*s); t }).collect();
        let bits: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
        for level in [Level::Fast, Level::Small] {
            let mut encoder = Encoder::new(level);
            let chunk = encoder.encode(&times, &values).unwrap();
            prop_assert_eq!(read(&chunk), (times.clone(), bits.clone()));
            // Also where XOR was shorter.
            let dense = encoder.encode_dense(&times, &values);
            prop_assert!(encoder.is_equal(&dense, &times, &values));
            for len in (0..dense.len()).step_by(1 + dense.len() / 64) {
                let (mut t, mut v) = (vec![1], vec![1.0]);
                prop_assert!(decode(&dense[..len], &mut t, &mut v).is_err());
                prop_assert_eq!((t.len(), v.len()), (1, 1));
            }
            let mut flipped = dense.clone();
            flipped[at.index(dense.len())] ^= 0x11;
            let _ = decode(&flipped, &mut vec![], &mut vec![]);
            let header = Header::read(&dense).unwrap();
            prop_assert_eq!(usize::from(header.samples), values.len());
            prop_assert!(!header.is_rising() || values.windows(2).all(|w| w[0] <= w[1]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_part_is_what_the_whole_has_in_the_range(
        values in values(),
        jitter in proptest::collection::vec(0i64..15_000, 700),
        is_regular: bool,
        (from, to) in (-30_000i64..10_000_000, -30_000i64..10_000_000),
        at in any::<prop::sample::Index>(),
    ) {
        let start = 1_700_000_000_000i64;
        let at_place = |(i, jitter): (usize, &i64)| start + i as i64 * 15_000 + if is_regular { 0 } else { *jitter };
        let times: Vec<i64> = jitter.iter().take(values.len()).enumerate().map(at_place).collect();
        let range = TimeRange::new(start + from.min(to), start + from.max(to));
        for level in [Level::Fast, Level::Small] {
            let chunk = Encoder::new(level).encode_dense(&times, &values);
            let wanted = times.iter().zip(&values).filter(|(t, _)| range.start <= **t && **t <= range.end);
            let wanted: Vec<(i64, u64)> = wanted.map(|(t, v)| (*t, v.to_bits())).collect();
            let read = |chunk: &[u8]| -> Result<Vec<(i64, u64)>, ChunkError> {
                let (mut t, mut v) = (vec![], vec![]);
                decode_in(chunk, Some(range), &mut t, &mut v, |_| Ok::<_, ChunkError>(&times))?;
                assert_eq!(t.len(), v.len());
                Ok(t.into_iter().zip(v.into_iter().map(f64::to_bits)).collect())
            };
            prop_assert_eq!(read(&chunk).unwrap(), wanted.clone());
            let mut referring = Vec::new();
            split(&chunk).unwrap().put_referring(7, &mut referring);
            prop_assert_eq!(read(&referring).unwrap(), wanted);
            let mut flipped = chunk.clone();
            flipped[at.index(chunk.len())] ^= 0x11;
            let _ = read(&flipped);
            let _ = read(&chunk[..at.index(chunk.len())]);
        }
    }
}

#[test]
fn a_chunk_that_does_not_come_back_is_not_used() {
    let times: Vec<i64> = (0..300).map(|i| i * 1000).collect();
    let values: Vec<f64> = (0..300).map(f64::from).collect();
    let mut encoder = Encoder::default();
    let good = encoder.encode_dense(&times, &values);
    assert_eq!(encoder.choose(good.clone(), &times, &values).unwrap().encoding, Encoding::Dense);
    // A decoder that reads something else, or nothing, must never get to see the chunk.
    let other = encoder.encode_dense(&times, &values.iter().map(|v| v + 1.0).collect::<Vec<_>>());
    for wrong in [other, good[..good.len() - 1].to_vec(), vec![]] {
        let chunk = encoder.choose(wrong, &times, &values).unwrap();
        assert_eq!(chunk.encoding, Encoding::Xor);
        assert_eq!(read(&chunk), (times.clone(), values.iter().map(|v| v.to_bits()).collect()));
    }
}

#[test]
fn what_has_no_pattern_is_left_to_xor() {
    let times: Vec<i64> = (0..200).map(|i| i * 1000).collect();
    // Two floats without a short decimal, in turns that XOR has one bit for.
    let values: Vec<f64> = (0..200).map(|i| if i < 3 { 1.0 / 3.0 } else { -1e300 / 7.0 }).collect();
    let chunk = encode(&times, &values).unwrap();
    assert_eq!(read(&chunk), (times.clone(), values.iter().map(|v| v.to_bits()).collect()));
    let mut bits = 1u64;
    let noise: Vec<f64> = (0..200)
        .map(|_| {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            f64::from_bits(bits)
        })
        .collect();
    assert_eq!(read(&encode(&times, &noise).unwrap()), (times, noise.iter().map(|v| v.to_bits()).collect()));
}

#[test]
fn the_header_tells_of_counters() {
    let times: Vec<i64> = (0..300).map(|i| i * 1000).collect();
    let header = |values: &[f64]| Header::read(&encode(&times, values).unwrap().bytes).unwrap();
    let rising: Vec<f64> = (0..300).map(|i| f64::from(i / 7)).collect();
    assert_eq!((header(&rising).samples, header(&rising).min_delta), (300, Some(0)));
    let steady: Vec<f64> = (0..300).map(|i| f64::from(i * 25 + 1) / 100.0).collect();
    assert_eq!(header(&steady).min_delta, Some(25));
    let mut reset = rising.clone();
    reset[200] = 0.0;
    assert_eq!(header(&reset).min_delta, Some(-28));
    assert!(!header(&reset).is_rising());
    let mut stale = rising.clone();
    stale[299] = STALE_NAN;
    assert_eq!(header(&stale).min_delta, None);
}

#[test]
fn constants_take_no_space() {
    let times: Vec<i64> = (0..3000).map(|i| i * 1000).collect();
    let chunk = encode(&times, &vec![8_589_934_592.0; 3000]).unwrap();
    assert!(chunk.bytes.len() < 60, "{}", chunk.bytes.len());
}

#[test]
fn multiples_take_as_little_as_what_they_are_multiples_of() {
    let times: Vec<i64> = (0..1024).map(|i| i * 1000).collect();
    let small: Vec<f64> = (0..1024u64).map(|i| (i * i % 251) as f64).collect();
    let pages: Vec<f64> = small.iter().map(|v| v * 4096.0 + 17.0).collect();
    let (small, pages) = (encode(&times, &small).unwrap(), encode(&times, &pages).unwrap());
    assert!(pages.bytes.len() <= small.bytes.len() + 16, "{} {}", pages.bytes.len(), small.bytes.len());
}

#[cfg(feature = "pco")]
#[test]
fn what_is_uneven_is_smaller_through_the_entropy_coder() {
    let times: Vec<i64> = (0..2000).map(|i| i * 1000).collect();
    // Half of the steps are nothing, few are large.
    let mut sum = 0u64;
    let values: Vec<f64> = (0..2000u64)
        .map(|i| {
            let random = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            sum += if random % 2 == 0 { 0 } else { 1 << (random % 13) };
            sum as f64
        })
        .collect();
    let size = |level| Encoder::new(level).encode(&times, &values).unwrap().bytes.len();
    let (fast, small) = (size(Level::Fast), size(Level::Small));
    assert!(small * 5 < fast * 4, "{small} of {fast}");
}

#[test]
fn impossible_numbers_of_samples_are_refused() {
    assert_eq!(encode(&[], &[]), None);
    assert_eq!(encode(&[1], &[]), None);
    let many = vec![0i64; MAX_SAMPLES + 1];
    assert_eq!(encode(&many, &vec![0.0; MAX_SAMPLES + 1]), None);
}

#[test]
fn times_are_left_to_a_neighbour_and_come_from_there() {
    let times: Vec<i64> = (0..500).map(|i| i * 1000 + i * i % 7).collect();
    let values: Vec<f64> = (0..500).map(|i| f64::from(i % 10)).collect();
    let chunk = encode(&times, &values).unwrap().bytes;
    let parts = split(&chunk).unwrap();
    assert!(parts.shared_times().is_some());
    let mut referring = Vec::new();
    parts.put_referring(77, &mut referring);
    assert!(referring.len() + 150 < chunk.len());
    assert_eq!(
        decode(&referring, &mut vec![], &mut vec![]),
        Err(ChunkError::TimesElsewhere { reference: 77 })
    );
    let (mut t, mut v) = (vec![], vec![]);
    let neighbour = |reference: u64| {
        assert_eq!(reference, 77);
        decode_times(&chunk)
    };
    decode_in(&referring, None, &mut t, &mut v, neighbour).unwrap();
    assert_eq!((&t, &v), (&times, &values));
    // Nobody follows references from one to the next, nor takes too few times.
    assert!(decode_times(&referring).is_err());
    let short = |_| Ok::<_, ChunkError>([1]);
    assert!(decode_in(&referring, None, &mut t, &mut v, short).is_err());
    assert_eq!((t.len(), v.len()), (500, 500));
}
