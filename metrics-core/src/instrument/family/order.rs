//! Members as pages show them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};

use super::members::Member;
use super::{Core, Family, Instrument, OVERFLOW};
use crate::family::Metric;
use crate::instrument::labels::LabelValues;
use crate::{LabelSet, Timestamp};

/// Members with their labels, in the order in which pages show them.
pub(super) struct Ordered<M> {
    changes: u64,
    members: Arc<[Shown<M>]>,
}

/// A member as pages show it.
struct Shown<M> {
    labels: LabelSet,
    instrument: M,
    created: Option<Timestamp>,
    /// Whether it may expire; the one for overflow does not.
    expires: bool,
}

impl<M> Default for Ordered<M> {
    fn default() -> Self {
        Self { changes: 0, members: Arc::new([]) }
    }
}

impl<M> Clone for Ordered<M> {
    fn clone(&self) -> Self {
        Self { changes: self.changes, members: Arc::clone(&self.members) }
    }
}

impl<L, M: Instrument> Family<L, M> {
    /// What all members show, in the order of pages. Members that have expired are forgotten.
    pub(in crate::instrument) fn read(&self) -> Vec<Metric> {
        let show = |member: &Shown<M>| Metric {
            labels: member.labels.clone(),
            value: member.instrument.read(),
            timestamp: None,
            created: member.created,
        };
        // No lock is held while instruments are read.
        let members = self.0.ordered().members;
        let mut metrics = members.iter().map(show).collect();
        self.0.expire(&members, &mut metrics);
        metrics
    }

    /// Goes up when members come or go.
    pub(in crate::instrument) fn version(&self) -> u64 {
        self.0.ordered().changes
    }

    /// Brings what was read at this version up to date, if the members are still the same.
    pub(in crate::instrument) fn refresh(&self, metrics: &mut [Metric], version: u64) -> bool {
        let Ordered { changes, members } = self.0.ordered();
        // Members expire where all is read anew.
        let same = self.0.expiry.is_none() && changes == version && members.len() == metrics.len();
        if same {
            for (metric, member) in metrics.iter_mut().zip(members.iter()) {
                member.instrument.refresh(&mut metric.value);
            }
        }
        same
    }
}

impl<L, M: Instrument> Core<L, M> {
    fn ordered(&self) -> Ordered<M> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.changes.load(Ordering::Acquire);
        if order.changes != changes {
            *order = Ordered { changes, members: self.shown() };
        }
        order.clone()
    }

    fn shown(&self) -> Arc<[Shown<M>]> {
        let labels =
            |values: &[&str]| LabelSet::from_pairs(self.names.iter().copied().zip(values.iter().copied()));
        let mut shown = Vec::new();
        for placed in self.places.iter().filter_map(OnceLock::get) {
            let instrument = placed.instrument.clone();
            let mut values = Vec::new();
            placed.values.each(|value| values.push(value.to_owned()));
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            shown.push(Shown {
                labels: labels(&values),
                instrument,
                created: placed.created,
                expires: false,
            });
        }
        for Member { values, instrument, created } in
            self.members.read().unwrap_or_else(PoisonError::into_inner).iter()
        {
            shown.push(Shown { labels: labels(&values), instrument, created, expires: true });
        }
        if let Some(limit) = self.limit.as_ref().filter(|l| l.used.load(Ordering::Relaxed)) {
            let labels = labels(&vec![OVERFLOW; self.names.len()]);
            shown.push(Shown { labels, instrument: limit.overflow.clone(), created: None, expires: false });
        }
        shown.sort_by(|a, b| Metric::order_of_labels(&a.labels, &b.labels));
        shown.into()
    }

    /// Forgets members that have shown the same for too long.
    fn expire(&self, members: &[Shown<M>], metrics: &mut Vec<Metric>) {
        let (Some(expiry), Some(now)) = (&self.expiry, self.clock.get()) else { return };
        let judged = expiry.judge(metrics, now());
        let mut expired = judged.iter().zip(members).map(|(expired, member)| *expired && member.expires);
        if !expired.clone().any(|expired| expired) {
            return;
        }
        let mut all = self.members.write().unwrap_or_else(PoisonError::into_inner);
        for (Shown { labels, .. }, _) in members.iter().zip(expired.clone()).filter(|(_, expired)| *expired) {
            let values = OfMember { names: &self.names, labels };
            all.remove(self.hash(&values), &values);
        }
        drop(all);
        self.note_removal();
        metrics.retain(|_| expired.next() != Some(true));
    }
}

/// A member's values out of its labels.
struct OfMember<'a> {
    names: &'a [&'static str],
    labels: &'a LabelSet,
}

impl LabelValues for OfMember<'_> {
    fn each(&self, mut visit: impl FnMut(&str)) {
        self.names.iter().for_each(|name| visit(self.labels.value(name)));
    }
}
