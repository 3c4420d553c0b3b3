//! The series of the line before, because the lines of a family repeat each other.

use crate::scan;

/// Labels whose places are kept; of a longer series the rest is read again.
pub(crate) const KEPT_LABELS: usize = 12;

/// The last plain series, and where its parts are. It has no escapes; a length of zero means that there is none.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastSeries {
    pub(crate) start: usize,
    pub(crate) length: usize,
    /// Bytes of the name.
    pub(crate) name: usize,
    labels: [LabelPlace; KEPT_LABELS],
    pub(crate) count: usize,
}

/// Where a label begins inside its series, where its value begins, and where the quote behind it is.
#[derive(Debug, Clone, Copy, Default)]
struct LabelPlace {
    name: usize,
    value: usize,
    quote: usize,
}

/// From where on a series has to be looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resume {
    Name { from: usize },
    Label { number: usize, from: usize },
    Value { number: usize, from: usize },
}

impl LastSeries {
    /// How far the series at `start` is the same as this one, which is no longer the last.
    #[inline(always)]
    pub(crate) fn resume(&mut self, bytes: &[u8], start: usize) -> Resume {
        let length = std::mem::take(&mut self.length);
        let same = scan::common_length(bytes, self.start, start, length);
        let kept = self.labels.get(..self.count).unwrap_or_default();
        match kept.iter().rposition(|label| label.name <= same).and_then(|n| Some((n, kept.get(n)?))) {
            Some((number, label)) if label.value <= same => {
                Resume::Value { number, from: start + same.min(label.quote) }
            }
            Some((number, label)) => Resume::Label { number, from: start + label.name },
            None => Resume::Name { from: start + same.min(self.name) },
        }
    }

    #[inline]
    pub(crate) fn begin_label(&mut self, number: usize, name: usize, value: usize) {
        if let Some(label) = self.labels.get_mut(number) {
            (label.name, label.value) = (name, value);
        }
    }

    #[inline]
    pub(crate) fn end_label(&mut self, number: usize, quote: usize) {
        if let Some(label) = self.labels.get_mut(number) {
            label.quote = quote;
        }
    }
}
