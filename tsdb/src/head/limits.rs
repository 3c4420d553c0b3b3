//! What the head refuses before memory runs out.

use std::fmt;

use metrics_core::{AppendError, Exemplar, Histogram, LabelSet, Metadata, Value};

use crate::options::LabelLimits;

/// Bounds of a head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_series: usize,
    pub(crate) max_bytes: usize,
    pub(crate) labels: LabelLimits,
}

/// Bytes that a value takes beside itself, nearly.
pub(super) fn heap_size(value: &Value) -> usize {
    let [spans, buckets, bounds] = match value {
        Value::Histogram(h) => [
            h.positive_spans.len() + h.negative_spans.len(),
            h.positive_buckets.len() + h.negative_buckets.len(),
            h.custom_values.len(),
        ],
        Value::FloatHistogram(h) => [
            h.positive_spans.len() + h.negative_spans.len(),
            h.positive_buckets.len() + h.negative_buckets.len(),
            h.custom_values.len(),
        ],
        _ => return 0,
    };
    size_of::<Histogram>() + 8 * (spans + buckets + bounds)
}

/// Bytes that an exemplar takes, with its place in the ring and as the newest of its series.
pub(super) fn exemplar_size(exemplar: &Exemplar) -> usize {
    2 * size_of::<(u32, Exemplar)>() + exemplar.labels.heap_size()
}

/// Bytes that the metadata of a series takes.
pub(super) fn metadata_size(metadata: &Metadata) -> usize {
    size_of::<(u32, usize)>() + size_of::<Metadata>() + metadata.help.len() + metadata.unit.len()
}

/// Why a sample was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Reached {
    #[error("{series} would be one series more than {max}")]
    Series { series: Shown, max: usize },
    #[error("{series} has {found} labels, more than {max}")]
    LabelCount { series: Shown, found: usize, max: usize },
    #[error("{series} has a label name of {found} bytes, more than {max}: {name:.40}")]
    NameLength { series: Shown, name: String, found: usize, max: usize },
    #[error("{series} has a value of {found} bytes, more than {max}, for the label {name:.40}")]
    ValueLength { series: Shown, name: String, found: usize, max: usize },
    #[error("no room for {series}: {taken} bytes are taken in memory, of {max}")]
    Memory { series: Shown, taken: usize, max: usize },
}

impl From<Reached> for AppendError {
    fn from(reached: Reached) -> Self {
        Self::Limit(reached.to_string())
    }
}

/// A series as an error names it: not longer than people read.
#[derive(Debug)]
pub(super) struct Shown(String);

impl Shown {
    pub(super) fn new(labels: &LabelSet) -> Self {
        /// Characters.
        const LONGEST: usize = 200;
        let mut text = labels.to_string();
        if let Some((end, _)) = text.char_indices().nth(LONGEST) {
            text.truncate(end);
            text.push('…');
        }
        Self(text)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Limits {
    /// Whether a series may have these labels.
    pub(super) fn check_labels(&self, labels: &LabelSet) -> Result<(), Reached> {
        let LabelLimits { count: max_count, name_length, value_length } = self.labels;
        let mut found = 0;
        for (name, value) in labels {
            found += 1;
            let (series, name_text) = (|| Shown::new(labels), || name.to_owned());
            if name.len() > name_length {
                let (found, max) = (name.len(), name_length);
                return Err(Reached::NameLength { series: series(), name: name_text(), found, max });
            }
            if value.len() > value_length {
                let (found, max) = (value.len(), value_length);
                return Err(Reached::ValueLength { series: series(), name: name_text(), found, max });
            }
        }
        if found > max_count {
            return Err(Reached::LabelCount { series: Shown::new(labels), found, max: max_count });
        }
        Ok(())
    }

    /// Bytes from which on room should be made: three quarters of what there is.
    pub(super) fn is_pressed(&self, bytes: usize) -> bool {
        bytes >= self.max_bytes / 4 * 3
    }

    /// Whether there may be one series more.
    pub(super) fn check_series(&self, series: usize, labels: &LabelSet) -> Result<(), Reached> {
        if series < self.max_series {
            return Ok(());
        }
        Err(Reached::Series { series: Shown::new(labels), max: self.max_series })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_refused_by_number_and_length() {
        let limits = Limits {
            max_series: 1,
            max_bytes: usize::MAX,
            labels: LabelLimits { count: 2, name_length: 8, value_length: 3 },
        };
        let check = |pairs: &[(&str, &str)]| {
            let labels = LabelSet::from_pairs(pairs.iter().copied());
            limits.check_labels(&labels).map_err(|e| e.to_string())
        };
        assert_eq!(check(&[("__name__", "up"), ("job", "abc")]), Ok(()));
        let errors = [
            (
                check(&[("a", "1"), ("b", "2"), ("c", "3")]),
                r#"{a="1", b="2", c="3"} has 3 labels, more than 2"#,
            ),
            (
                check(&[("far_too_long", "1")]),
                "{far_too_long=\"1\"} has a label name of 12 bytes, more than 8: far_too_long",
            ),
            (
                check(&[("job", "four")]),
                r#"{job="four"} has a value of 4 bytes, more than 3, for the label job"#,
            ),
        ];
        for (found, expected) in errors {
            assert_eq!(found, Err(expected.to_owned()));
        }
    }

    #[test]
    fn an_error_stays_short_whatever_the_series() {
        let labels = LabelSet::from_pairs([("job", "ä".repeat(10_000))]);
        assert_eq!(Shown::new(&labels).to_string().chars().count(), 201);
    }
}
