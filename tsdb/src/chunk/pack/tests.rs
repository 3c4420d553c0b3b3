use std::ops::Range;

use super::*;
use crate::codec::Reader;
use proptest::prelude::*;

fn round_trip(column: &[i64]) -> usize {
    let mut bytes = vec![];
    put_column(&mut bytes, column);
    let mut r = Reader::new(&bytes);
    let mut found = vec![];
    take_column(&mut r, column.len(), 0..column.len(), |block| found.extend_from_slice(block)).unwrap();
    assert!(r.is_empty());
    assert_eq!(found, column);
    bytes.len()
}

/// As [`round_trip`], as sums; and whatever places of them are wanted.
fn round_trip_sums(column: &[i64], wanted: &Range<usize>) {
    let mut bytes = vec![];
    put_sums(&mut bytes, column);
    for wanted in [wanted.clone(), 0..column.len()] {
        let mut r = Reader::new(&bytes);
        let mut found = vec![];
        take_sums(&mut r, column.len(), wanted.clone(), |block| found.extend_from_slice(block)).unwrap();
        assert_eq!(found, column[wanted]);
    }
    let mut r = Reader::new(&bytes);
    let firsts: Vec<i64> = first_sums(&mut r, column.len()).map(Result::unwrap).collect();
    assert!(r.is_empty());
    assert_eq!(firsts, column.iter().step_by(BLOCK).copied().collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn columns_come_back(
        column in proptest::collection::vec((any::<i64>(), 0u32..64), 0..600),
        narrow in 1i64..30_000,
        outliers in any::<bool>(),
        (a, b) in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let wild: Vec<i64> = column.iter().map(|(x, shift)| x >> shift).collect();
        round_trip(&wild);
        let tame: Vec<i64> = column
            .iter()
            .map(|(x, shift)| if outliers && *shift == 7 { *x } else { x.rem_euclid(narrow) - 100 })
            .collect();
        round_trip(&tame);
        let (a, b) = (a.index(column.len() + 1), b.index(column.len() + 1));
        let wanted = a.min(b)..a.max(b);
        round_trip_sums(&wild, &wanted);
        round_trip_sums(&tame, &wanted);
        let mut bytes = vec![];
        put_column(&mut bytes, &tame);
        let mut found = vec![];
        take_column(&mut Reader::new(&bytes), tame.len(), wanted.clone(), |block| found.extend_from_slice(block)).unwrap();
        prop_assert_eq!(found, &tame[wanted]);
    }

    #[test]
    fn garbage_is_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400), n in 0usize..600) {
        for wanted in [0..n, n / 2..n, 0..n / 2] {
            let _ = take_column(&mut Reader::new(&bytes), n, wanted.clone(), |_| ());
            let _ = take_sums(&mut Reader::new(&bytes), n, wanted, |_| ());
        }
        let _ = first_sums(&mut Reader::new(&bytes), n).count();
    }
}

#[test]
fn sizes_are_near_the_entropy() {
    let column = |radix: u64, every: usize, outlier: i64| -> Vec<i64> {
        let mut x = 1u64;
        (0..2560)
            .map(|i| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if i % every == 0 { outlier } else { ((x >> 33) % radix) as i64 }
            })
            .collect()
    };
    // Bits a number: log₂ of the radix, and ten blocks' headers.
    for (radix, bits) in [(1, 0.1), (3, 1.75), (21, 4.6), (201, 7.9), (2001, 11.2), (20_001, 14.7)] {
        let found = round_trip(&column(radix, usize::MAX, 0)) as f64 * 8.0 / 2560.0;
        assert!(found <= bits, "{radix}: {found}");
    }
    // One outlier in a hundred, as wide as it gets.
    let found = round_trip(&column(2, 100, i64::MAX)) as f64 * 8.0 / 2560.0;
    assert!(found < 2.0, "{found}");
}
