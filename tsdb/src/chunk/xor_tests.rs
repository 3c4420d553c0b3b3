use super::*;
use proptest::prelude::*;

fn encode(samples: &[(i64, f64)]) -> Vec<u8> {
    let mut appender = XorAppender::new();
    for (t, v) in samples {
        appender.append(*t, *v).unwrap();
    }
    appender.finish()
}

fn read(chunk: &[u8]) -> Result<Vec<(i64, u64)>, ChunkError> {
    let (mut times, mut values) = (vec![], vec![]);
    decode(chunk, &mut times, &mut values)?;
    Ok(times.into_iter().zip(values.into_iter().map(f64::to_bits)).collect())
}

fn bits(samples: &[(i64, f64)]) -> Vec<(i64, u64)> {
    samples.iter().map(|(t, v)| (*t, v.to_bits())).collect()
}

fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-1000i64..1000).prop_map(|n| n as f64),
        (0i64..1000).prop_map(|n| n as f64 / 100.0),
        Just(0.0),
        Just(metrics_core::STALE_NAN),
    ];
    let step = prop_oneof![Just(15_000i64), 14_990..15_010i64, 0..1_000_000i64, any::<i64>()];
    proptest::collection::vec((step, value), 0..300).prop_map(|items| {
        let mut t = 1_700_000_000_000i64;
        items
            .into_iter()
            .map(|(step, v)| {
                t = t.wrapping_add(step);
                (t, v)
            })
            .collect()
    })
}

/// Values that stay for a while, or are random in all bits, at even distances: what is read without looking twice.
fn steady() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let stretch = prop_oneof![
        (any::<u64>(), 1usize..40).prop_map(|(bits, n)| vec![f64::from_bits(bits); n]),
        proptest::collection::vec(any::<u64>().prop_map(f64::from_bits), 1..40),
        proptest::collection::vec((0u64..1 << 52).prop_map(|bits| f64::from_bits(bits | 0x3ff << 52)), 1..40),
    ];
    proptest::collection::vec(stretch, 0..6)
        .prop_map(|stretches| (0..).step_by(15_000).zip(stretches.concat()).collect())
}

proptest! {
    #[test]
    fn steady_samples_come_back(samples in steady(), until in 0i64..3_000_000) {
        let chunk = encode(&samples);
        prop_assert_eq!(read(&chunk).unwrap(), bits(&samples));
        let (mut times, mut values) = (vec![7], vec![0.5]);
        decode_until(&chunk, until, &mut times, &mut values).unwrap();
        let found: Vec<_> = times.into_iter().zip(values.into_iter().map(f64::to_bits)).skip(1).collect();
        // All that are wanted, and none that is not there.
        let wanted = samples.iter().filter(|(t, _)| *t <= until).count();
        prop_assert!(found.len() >= wanted);
        prop_assert_eq!(&found, &bits(&samples)[..found.len()]);
    }

    #[test]
    fn samples_come_back(samples in samples()) {
        let chunk = encode(&samples);
        prop_assert_eq!(read(&chunk).unwrap(), bits(&samples));
        let walked: Vec<_> = XorIter::new(&chunk).unwrap().map(|s| s.map(|(t, v)| (t, v.to_bits())).unwrap()).collect();
        prop_assert_eq!(walked, bits(&samples));
    }

    #[test]
    fn resuming_changes_nothing(samples in samples(), at in 0usize..300) {
        let (head, tail) = samples.split_at(at.min(samples.len()));
        let mut appender = XorAppender::resume(encode(head)).unwrap();
        for (t, v) in tail {
            appender.append(*t, *v).unwrap();
        }
        prop_assert_eq!(appender.finish(), encode(&samples));
    }

    #[test]
    fn damage_is_an_error_or_other_samples(samples in samples(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut chunk = encode(&samples);
        for len in (0..chunk.len()).rev().take(40).chain((0..chunk.len()).step_by(31)) {
            if let Ok(found) = read(&chunk[..len]) {
                // Only whole bytes of padding can be missing unnoticed.
                prop_assert!(found == bits(&samples), "cut at {}", len);
            }
        }
        let at = at.index(chunk.len());
        chunk[at] ^= flip;
        let _ = read(&chunk);
        if let Ok(walk) = XorIter::new(&chunk) {
            for sample in walk {
                let _ = sample;
            }
        }
    }
}

#[test]
fn bytes_are_those_of_the_field() {
    // Four samples by hand from the layout: t₀ = 1 (zigzag 02), 1.0; Δ = 10, same value; Δ² = 0, 2.0; Δ² = 5, 2.0.
    let chunk = encode(&[(1, 1.0), (11, 1.0), (21, 2.0), (36, 2.0)]);
    // 1.0 ^ 2.0 = 7FF0…: one leading zero, 52 trailing, 11 significant bits.
    let mut expected = vec![0x00, 0x04, 0x02];
    expected.extend_from_slice(&1.0f64.to_bits().to_be_bytes());
    expected.push(10);
    let tail = concat!("0", "0", "11", "00001", "001011", "11111111111", "10", "00000000000101", "0");
    let padded = format!("{tail:0<48}");
    for byte in 0..padded.len() / 8 {
        let bits = &padded[byte * 8..byte * 8 + 8];
        if byte * 8 < tail.len() {
            expected.push(u8::from_str_radix(bits, 2).unwrap());
        }
    }
    assert_eq!(chunk, expected);
}

#[test]
fn header_without_samples_is_an_empty_chunk() {
    assert_eq!(XorAppender::new().finish(), [0, 0]);
    assert_eq!(read(&[0, 0]).unwrap(), []);
    assert!(read(&[0]).is_err());
    assert!(read(&[0xff, 0xff, 0]).is_err());
}

#[test]
fn a_full_chunk_says_so() {
    let mut appender = XorAppender::new();
    for i in 0..i64::from(u16::MAX) {
        appender.append(i, 1.0).unwrap();
    }
    assert_eq!(appender.append(70_000, 1.0), Err(ChunkError::Full));
    assert_eq!(read(&appender.finish()).unwrap().len(), 65_535);
}
