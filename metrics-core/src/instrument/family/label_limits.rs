//! How many values of one label a family tells apart.

use std::collections::HashMap;

use crate::instrument::labels::{LabelLimit, LabelValues};

/// The limited labels of a family, with the values that have a place.
#[derive(Debug, Clone, Default)]
pub(super) struct LabelLimits(Vec<Limited>);

#[derive(Debug, Clone)]
struct Limited {
    /// Which of the family's labels this is.
    label: usize,
    limit: LabelLimit,
    /// How many members have each value; the one for overflow is not counted.
    members: HashMap<Box<str>, usize>,
}

impl LabelLimits {
    /// Limits by the place of their label; no limits if there are fewer than labels.
    pub(super) fn new(limits: &[Option<LabelLimit>]) -> Self {
        let mut all = Self::default();
        limits.iter().enumerate().for_each(|(label, limit)| limit.iter().for_each(|l| all.set(label, *l)));
        all
    }

    pub(super) fn set(&mut self, label: usize, limit: LabelLimit) {
        self.0.retain(|limited| limited.label != label);
        self.0.push(Limited { label, limit, members: HashMap::new() });
    }

    /// The same limits, without any values yet.
    pub(super) fn fresh(&self) -> Self {
        let mut fresh = self.clone();
        fresh.clear();
        fresh
    }

    /// The values of the member that stands for these, if one of them has no place.
    pub(super) fn replaced(&self, values: &impl LabelValues) -> Option<Replaced> {
        let mut full =
            self.0.iter().filter(|limited| limited.members.len() >= limited.limit.values).peekable();
        full.peek()?;
        let mut texts = Vec::new();
        values.each(|value| texts.push(value.to_owned()));
        let mut any = false;
        for limited in full {
            let overflow = limited.limit.overflow;
            if let Some(text) = texts.get_mut(limited.label)
                && text != overflow
                && !limited.members.contains_key(text.as_str())
            {
                overflow.clone_into(text);
                any = true;
            }
        }
        any.then_some(Replaced(texts))
    }

    /// Takes note of a new member.
    pub(super) fn note(&mut self, values: &impl LabelValues) {
        self.each(values, |limited, value| *limited.members.entry(value.into()).or_default() += 1);
    }

    /// Takes note that a member is gone; the last one of a value gives its place free.
    pub(super) fn forget(&mut self, values: &impl LabelValues) {
        self.each(values, |limited, value| {
            if let Some(members) = limited.members.get_mut(value) {
                *members -= 1;
                if *members == 0 {
                    limited.members.remove(value);
                }
            }
        });
    }

    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(|limited| limited.members.clear());
    }

    fn each(&mut self, values: &impl LabelValues, mut act: impl FnMut(&mut Limited, &str)) {
        if self.0.is_empty() {
            return;
        }
        let mut label = 0;
        values.each(|value| {
            let of_label = self.0.iter_mut().filter(|l| l.label == label && l.limit.overflow != value);
            of_label.for_each(|limited| act(limited, value));
            label += 1;
        });
    }
}

/// Values, some of which say that there is no place for the real ones.
pub(super) struct Replaced(Vec<String>);

impl LabelValues for Replaced {
    fn each(&self, mut visit: impl FnMut(&str)) {
        self.0.iter().for_each(|value| visit(value));
    }
}
