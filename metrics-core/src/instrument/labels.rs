//! What tells the members of a family apart.

/// The shape of a family's labels.
///
/// `[&str; N]` are labels whose names are given when the family is made. A struct becomes one by `derive(Labels)` of
/// the feature `derive`, which is safer, for names and values cannot be confused, and faster, for values that are enums
/// need no hashing.
pub trait Labels: Send + Sync + 'static {
    /// The values of one member, which may be borrowed from the caller.
    type Values<'a>: LabelValues;

    /// How many sets of values there can be, if every label is an enum or a bool; else 0.
    const COUNT: usize = 0;
}

/// Labels whose names belong to the type.
pub trait NamedLabels: Labels {
    /// The names, in the order of the values.
    const NAMES: &'static [&'static str];

    /// How many values of each label are told apart, in the order of the names; those that are not there have no limit.
    const LIMITS: &'static [Option<LabelLimit>] = &[];
}

/// How many values of one label a family tells apart, and what stands for all others; see
/// [`Family::limit_label`](super::Family::limit_label).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelLimit {
    pub(super) values: usize,
    pub(super) overflow: &'static str,
}

impl LabelLimit {
    /// So many values; all others are shown as `overflow`.
    pub const fn new(values: usize) -> Self {
        Self { values, overflow: "overflow" }
    }

    /// Another word for all others.
    #[must_use]
    pub const fn overflow(self, word: &'static str) -> Self {
        Self { overflow: word, ..self }
    }
}

/// The label values of one member, borrowed for a look-up, in the order of the family's label names.
pub trait LabelValues {
    /// Hands out every value; an empty one means that the member does not have the label.
    fn each(&self, visit: impl FnMut(&str));

    /// Which of the [`Labels::COUNT`] sets of values this is, from 0; meaningless if the number is 0.
    #[inline]
    fn index(&self) -> usize {
        0
    }
}

impl<const N: usize> LabelValues for [&str; N] {
    #[inline]
    fn each(&self, visit: impl FnMut(&str)) {
        self.iter().copied().for_each(visit);
    }
}

impl<const N: usize> Labels for [&'static str; N] {
    type Values<'a> = [&'a str; N];
}

/// One label's value: a field of a struct with `derive(Labels)`.
///
/// Implemented for texts, whole numbers, `bool` and options of them (`None` is a label that is not there); an enum
/// gets it by `derive(Labels)` too.
pub trait LabelValue {
    /// How many values there can be; 0 if there is no telling.
    const COUNT: usize = 0;

    /// Hands out the value's text.
    fn text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R;

    /// Which of the [`LabelValue::COUNT`] values this is, from 0; meaningless if the number is 0.
    #[inline]
    fn index(&self) -> usize {
        0
    }
}

impl LabelValue for str {
    #[inline]
    fn text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        use_it(self)
    }
}

impl LabelValue for String {
    #[inline]
    fn text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        use_it(self)
    }
}

impl<T: LabelValue + ?Sized> LabelValue for &T {
    const COUNT: usize = T::COUNT;

    #[inline]
    fn text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        T::text(self, use_it)
    }

    #[inline]
    fn index(&self) -> usize {
        T::index(self)
    }
}

impl<T: LabelValue> LabelValue for Option<T> {
    const COUNT: usize = if T::COUNT == 0 { 0 } else { T::COUNT + 1 };

    #[inline]
    fn text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        match self {
            Some(value) => value.text(use_it),
            None => use_it(""),
        }
    }

    #[inline]
    fn index(&self) -> usize {
        self.as_ref().map_or(0, |value| value.index() + 1)
    }
}

impl LabelValue for bool {
    const COUNT: usize = 2;

    #[inline]
    fn text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        use_it(if *self { "true" } else { "false" })
    }

    #[inline]
    fn index(&self) -> usize {
        usize::from(*self)
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl LabelValue for $number {
            fn text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
                // Written backwards into a place on the stack, for a look-up must not allocate.
                let mut digits = [0u8; 24];
                let mut at = digits.len();
                let mut rest = self.unsigned_abs_u64();
                loop {
                    at -= 1;
                    digits[at] = b'0' + (rest % 10) as u8;
                    rest /= 10;
                    if rest == 0 {
                        break;
                    }
                }
                if self.is_below_zero() {
                    at -= 1;
                    digits[at] = b'-';
                }
                use_it(std::str::from_utf8(&digits[at..]).unwrap_or_default())
            }
        }
    )*};
}

/// What the printing of whole numbers needs to know of them.
trait Whole: Copy {
    fn unsigned_abs_u64(self) -> u64;
    fn is_below_zero(self) -> bool;
}

macro_rules! unsigned {
    ($($number:ty),*) => {$(
        impl Whole for $number {
            #[inline]
            fn unsigned_abs_u64(self) -> u64 {
                self as u64
            }

            #[inline]
            fn is_below_zero(self) -> bool {
                false
            }
        }
    )*};
}

macro_rules! signed {
    ($($number:ty),*) => {$(
        impl Whole for $number {
            #[inline]
            fn unsigned_abs_u64(self) -> u64 {
                self.unsigned_abs() as u64
            }

            #[inline]
            fn is_below_zero(self) -> bool {
                self < 0
            }
        }
    )*};
}

unsigned!(u8, u16, u32, u64, usize);
signed!(i8, i16, i32, i64, isize);
whole_numbers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(0u8.text(str::to_owned), "0");
        assert_eq!(u64::MAX.text(str::to_owned), u64::MAX.to_string());
        assert_eq!(i64::MIN.text(str::to_owned), i64::MIN.to_string());
        assert_eq!((-70i16).text(str::to_owned), "-70");
        assert_eq!(Some("x").text(str::to_owned), "x");
        assert_eq!(None::<&str>.text(str::to_owned), "");
        assert_eq!(true.text(str::to_owned), "true");
    }

    #[test]
    fn finite_values_have_their_places() {
        assert_eq!([None, Some(false), Some(true)].map(|v: Option<bool>| v.index()), [0, 1, 2]);
        assert_eq!((<Option<bool> as LabelValue>::COUNT, <Option<u8> as LabelValue>::COUNT), (3, 0));
    }
}
