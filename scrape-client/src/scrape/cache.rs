//! What is remembered of a target's page: which text is which series, and which series were there last time.
//!
//! A page is nearly the last page again, so the series are kept in the page's order and the next line is first
//! compared with the series that stood next last time: no hashing, no reading of labels.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use metrics_core::{LabelSet, SeriesRef};

/// A series of the page by its number.
pub(super) type Id = u32;

/// What a text of the page stands for.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// A relabel rule drops it.
    Dropped,
    /// A series of the store.
    Series { reference: SeriesRef, labels: LabelSet },
}

#[derive(Debug)]
struct Entry {
    text: Arc<str>,
    known: Known,
    /// The iteration in which the text was seen last.
    seen: u64,
    /// The iteration in which the series was last one that must not vanish silently.
    tracked: u64,
    /// Its place in the page's last order.
    place: u32,
}

/// The memory of one target.
#[derive(Debug, Default)]
pub struct SeriesCache {
    // Starts at 2, so that 0 means never and a first iteration has no predecessor.
    iteration: u64,
    entries: Vec<Entry>,
    index: HashMap<Arc<str>, Id>,
    /// The order of the last page, and where in it the next line is looked for.
    last_order: Vec<Id>,
    cursor: usize,
    order: Vec<Id>,
    /// How many entries there were after the last good scrape.
    good_count: usize,
}

impl SeriesCache {
    /// A memory of nothing.
    pub fn new() -> Self {
        Self { iteration: 2, ..Self::default() }
    }

    /// Finds what a text stands for, and whether it has been seen in this iteration already.
    pub(super) fn find(&mut self, text: &str) -> Option<(Id, bool)> {
        let id = match self.last_order.get(self.cursor) {
            Some(id) if self.entries.get(*id as usize).is_some_and(|e| *e.text == *text) => {
                self.cursor += 1;
                *id
            }
            _ => {
                let id = *self.index.get(text)?;
                self.cursor = self.entries.get(id as usize).map_or(0, |e| e.place as usize + 1);
                id
            }
        };
        let entry = self.entries.get_mut(id as usize)?;
        let again = entry.seen == self.iteration;
        if !again {
            entry.seen = self.iteration;
            self.order.push(id);
        }
        Some((id, again))
    }

    pub(super) fn get(&self, id: Id) -> Option<&Known> {
        self.entries.get(id as usize).map(|e| &e.known)
    }

    /// Remembers a text.
    pub(super) fn insert(&mut self, text: &str, known: Known) -> Id {
        let id = self.entries.len() as Id;
        let text: Arc<str> = text.into();
        self.index.insert(text.clone(), id);
        self.entries.push(Entry { text, known, seen: self.iteration, tracked: 0, place: u32::MAX - 1 });
        self.order.push(id);
        id
    }

    /// Notes the store's newest reference of a series.
    pub(super) fn set_reference(&mut self, id: Id, new: SeriesRef) {
        if let Some(Entry { known: Known::Series { reference, .. }, .. }) = self.entries.get_mut(id as usize)
            && new != SeriesRef::UNKNOWN
        {
            *reference = new;
        }
    }

    /// Notes that a series is there now, so that it is missed when it is not.
    pub(super) fn track(&mut self, id: Id) {
        if let Some(entry) = self.entries.get_mut(id as usize) {
            entry.tracked = self.iteration;
        }
    }

    /// The series that were there in the last iteration and are not in this one, under any text.
    pub(super) fn vanished(&self) -> Vec<(SeriesRef, LabelSet)> {
        let mut gone = Vec::new();
        for entry in &self.entries {
            if let Known::Series { reference, labels } = &entry.known
                && entry.tracked == self.iteration - 1
            {
                gone.push((*reference, labels.clone()));
            }
        }
        if !gone.is_empty() {
            let here: HashSet<&LabelSet> = self
                .entries
                .iter()
                .filter(|e| e.tracked == self.iteration)
                .filter_map(Entry::labels)
                .collect();
            gone.retain(|(_, labels)| !here.contains(labels));
        }
        gone
    }

    /// Ends an iteration. After a good scrape, texts that were not on the page are forgotten. Answers whether
    /// the memory of failed scrapes grew so much that it was emptied all the same.
    pub(super) fn end_iteration(&mut self, good: bool) -> bool {
        let forced = !good && self.entries.len() > self.good_count * 2 + 1000;
        if good {
            self.good_count = self.entries.len();
        }
        if !self.order.is_empty() {
            std::mem::swap(&mut self.order, &mut self.last_order);
        }
        self.order.clear();
        self.cursor = 0;
        if (good || forced) && self.entries.iter().any(|e| e.seen != self.iteration) {
            self.forget_unseen();
        }
        for (place, id) in self.last_order.iter().enumerate() {
            if let Some(entry) = self.entries.get_mut(*id as usize) {
                entry.place = place as u32;
            }
        }
        self.iteration += 1;
        forced
    }

    fn forget_unseen(&mut self) {
        const GONE: Id = Id::MAX;
        let mut new_ids = Vec::with_capacity(self.entries.len());
        let mut kept = 0;
        for entry in &self.entries {
            let stays = entry.seen == self.iteration;
            new_ids.push(if stays { kept } else { GONE });
            kept += Id::from(stays);
        }
        let iteration = self.iteration;
        let mut number = 0;
        let index = &mut self.index;
        self.entries.retain(|entry| {
            let stays = entry.seen == iteration;
            match stays {
                true => {
                    index.insert(entry.text.clone(), number);
                    number += 1;
                }
                false => drop(index.remove(&entry.text)),
            }
            stays
        });
        for id in &mut self.last_order {
            *id = new_ids.get(*id as usize).copied().unwrap_or(GONE);
        }
        self.last_order.retain(|id| *id != GONE);
    }
}

impl Entry {
    fn labels(&self) -> Option<&LabelSet> {
        match &self.known {
            Known::Series { labels, .. } => Some(labels),
            Known::Dropped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(text: &str) -> LabelSet {
        LabelSet::from_pairs([("__name__", text)])
    }

    /// Shows a page to the cache; answers with what vanished.
    fn page(cache: &mut SeriesCache, texts: &[&str], good: bool) -> Vec<String> {
        for text in texts {
            let id = match cache.find(text) {
                Some((id, _)) => id,
                None => {
                    cache.insert(text, Known::Series { reference: SeriesRef(1), labels: labels(text.trim()) })
                }
            };
            cache.track(id);
        }
        let gone = cache.vanished().into_iter().map(|(_, l)| l.value("__name__").to_owned()).collect();
        cache.end_iteration(good);
        gone
    }

    #[test]
    fn a_series_under_another_text_has_not_vanished() {
        let mut cache = SeriesCache::new();
        assert!(page(&mut cache, &["a", "b"], true).is_empty());
        assert!(page(&mut cache, &["a ", "b"], true).is_empty());
        assert_eq!(page(&mut cache, &["b"], true), ["a"]);
        assert!(page(&mut cache, &["b"], true).is_empty());
    }

    #[test]
    fn the_memory_of_failed_scrapes_is_bounded() {
        let mut cache = SeriesCache::new();
        let texts: Vec<String> = (0..1500).map(|i| format!("m{i}")).collect();
        for chunk in texts.chunks(500) {
            for text in chunk {
                cache.insert(text, Known::Dropped);
            }
            cache.end_iteration(false);
        }
        assert!(cache.entries.len() <= 500, "{}", cache.entries.len());
    }

    proptest! {
        #[test]
        fn any_pages_agree_with_a_plain_model(pages in proptest::collection::vec(proptest::collection::vec(0u8..12, 0..12), 1..12)) {
            let mut cache = SeriesCache::new();
            let mut before: Vec<u8> = Vec::new();
            for mut now in pages {
                let mut seen = std::collections::HashSet::new();
                now.retain(|n| seen.insert(*n));
                let texts: Vec<String> = now.iter().map(|n| format!("m{n}")).collect();
                let mut gone = page(&mut cache, &texts.iter().map(String::as_str).collect::<Vec<_>>(), true);
                gone.sort();
                let mut expected: Vec<String> = before.iter().filter(|n| !now.contains(n)).map(|n| format!("m{n}")).collect();
                expected.sort();
                prop_assert_eq!(gone, expected);
                prop_assert_eq!(cache.entries.len(), now.len());
                before = now;
            }
        }
    }
}
