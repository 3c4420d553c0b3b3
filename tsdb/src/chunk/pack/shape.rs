//! How distances become bits.

/// Most bits of a group of digits, so that a digit is split off by one multiplication.
pub(super) const MAX_GROUP: u32 = 32;

/// How the distances of a block are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Bits each.
    Bits(u32),
    /// Numbers of so many bits, of so many digits each, in a base of one more than the largest distance.
    Digits { bits: u32, digits: usize },
}

impl Shape {
    /// Digits if they save a thirty-second part or more.
    pub(super) fn of(range: u64) -> Self {
        let plain = width(range);
        let mut best = (plain as usize * 32, Self::Bits(plain));
        if plain > 16 || range.wrapping_add(1).is_power_of_two() {
            return best.1;
        }
        let radix = range + 1;
        let mut number = radix;
        for digits in 2.. {
            number *= radix;
            if number > 1 << MAX_GROUP {
                break;
            }
            let bits = width(number - 1);
            // A reader takes as many digits as the bits can hold.
            let cost = bits as usize * 32 / digits;
            if cost + plain as usize <= best.0 && digits_in(bits, radix) == digits {
                best = (cost, Self::Digits { bits, digits });
            }
        }
        best.1
    }

    /// Bits of a block of `n` distances.
    pub(super) fn cost(self, n: usize) -> usize {
        match self {
            Self::Bits(bits) => n * bits as usize,
            Self::Digits { bits, digits } => n.div_ceil(digits) * bits as usize,
        }
    }
}

/// Bits that a number takes.
pub(super) fn width(x: u64) -> u32 {
    64 - x.leading_zeros()
}

/// How many digits in a base every number of so many bits can hold.
pub(super) fn digits_in(bits: u32, radix: u64) -> usize {
    let mut digits = 0;
    let mut number = radix;
    while number <= 1 << bits {
        number *= radix;
        digits += 1;
    }
    digits
}
