//! The label values of one member, in one piece.

use super::hash::same;
use crate::instrument::labels::LabelValues;

/// Values, each followed by a byte that no UTF-8 text has.
#[derive(Debug)]
pub(super) struct Packed(Box<[u8]>);

const END: u8 = 0xff;

impl Packed {
    pub(super) fn new(values: &impl LabelValues) -> Self {
        let mut packed = Vec::new();
        values.each(|value| {
            packed.extend_from_slice(value.as_bytes());
            packed.push(END);
        });
        Self(packed.into())
    }

    /// Whether they are these.
    #[inline]
    pub(super) fn are(&self, values: &impl LabelValues) -> bool {
        let mut rest = Some(&*self.0);
        values.each(|value| {
            rest = rest.and_then(|r| {
                let (head, tail) = r.split_at_checked(value.len())?;
                let (end, tail) = tail.split_first()?;
                (*end == END && same(head, value.as_bytes())).then_some(tail)
            });
        });
        rest.is_some_and(<[u8]>::is_empty)
    }
}

impl LabelValues for Packed {
    fn each(&self, visit: impl FnMut(&str)) {
        let packed = self.0.strip_suffix(&[END]).into_iter();
        let texts = packed.flat_map(|p| p.split(|byte| *byte == END));
        texts.map(|text| std::str::from_utf8(text).unwrap_or_default()).for_each(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_apart() {
        let packed = Packed::new(&["ab", "", "ü"]);
        let mut values = Vec::new();
        packed.each(|value| values.push(value.to_owned()));
        assert_eq!(values, ["ab", "", "ü"]);
        assert!(packed.are(&["ab", "", "ü"]));
        for other in [["a", "b", "ü"], ["ab", "ü", ""], ["ab", "", "u"]] {
            assert!(!packed.are(&other), "{other:?}");
        }
        assert!(!packed.are(&["ab", ""]) && !packed.are(&["ab", "", "ü", ""]));
    }
}
