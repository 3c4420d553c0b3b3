//! Numbers as the digits that they are made of.

/// Splits numbers into their digits, the most significant first, without a division.
///
/// A number is taken as a fraction of what all its digits can express, in 64 bits behind the point; each multiplication
/// by the radix then moves a digit in front of it. The fraction is too large by less than the number, which is below
/// 2^32: too little to reach the next digit.
#[derive(Debug, Clone, Copy)]
struct Splitter {
    radix: u64,
    reciprocal: u64,
}

/// Splits groups of so many digits each, which fit into 32 bits; the last group may have more than are wanted.
pub(super) fn split_all(groups: &[i64], radix: u64, digits: usize, into: &mut [i64]) {
    // `digits_in` says that they fit.
    let splitter = Splitter { radix, reciprocal: u64::MAX / radix.pow(digits as u32) + 1 };
    match digits {
        2 => splitter.split_all::<2>(groups, into),
        3 => splitter.split_all::<3>(groups, into),
        4 => splitter.split_all::<4>(groups, into),
        5 => splitter.split_all::<5>(groups, into),
        6 => splitter.split_all::<6>(groups, into),
        7 => splitter.split_all::<7>(groups, into),
        _ => groups.iter().zip(into.chunks_mut(digits)).for_each(|(g, digits)| splitter.split(*g, digits)),
    }
}

impl Splitter {
    /// As [`Splitter::split`], for numbers of a known number of digits.
    fn split_all<const DIGITS: usize>(self, groups: &[i64], into: &mut [i64]) {
        let (whole, rest) = into.as_chunks_mut::<DIGITS>();
        for (group, digits) in groups.iter().zip(whole) {
            self.split(*group, digits);
        }
        if let Some(last) = groups.last() {
            self.split(*last, rest);
        }
    }

    #[inline(always)]
    fn split(self, number: i64, digits: &mut [i64]) {
        let mut fraction = (number as u64).wrapping_mul(self.reciprocal);
        for digit in digits {
            let product = u128::from(fraction) * u128::from(self.radix);
            *digit = (product >> 64) as i64;
            fraction = product as u64;
        }
    }
}
