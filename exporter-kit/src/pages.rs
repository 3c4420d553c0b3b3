//! What an endpoint keeps from one scrape to the next.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use expo_format::{Format, PageWriter, WriteOptions};
use metrics_core::instrument::{Gathered, Gatherer, Registry};

/// How many scrapes at once find something kept; those beyond begin anew.
const MAX_KEPT: usize = 2;
/// How many metrics are kept: what a page copies from the last one takes some 300 bytes for each, and few programs show
/// so many.
const MAX_METRICS: usize = 100_000;
/// How many ways of showing the registry are kept: a scraper asks for the same one every time.
const MAX_WRITERS: usize = 3;

/// The last pages, for whoever scrapes next.
#[derive(Debug, Default)]
pub(crate) struct LastPages(Mutex<Vec<Pages>>);

/// A registry as it was gathered last, and how it was shown.
#[derive(Debug)]
pub(crate) struct Pages {
    gatherer: Gatherer,
    writers: Vec<PageWriter>,
}

impl LastPages {
    /// Takes the last pages away, so that no scrape waits for another one.
    pub(crate) fn take(&self, registry: &Registry) -> Pages {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Pages { gatherer: Gatherer::new(registry), writers: Vec::new() })
    }

    /// Keeps pages for the next scrape.
    pub(crate) fn put_back(&self, pages: Pages) {
        let metrics: usize = pages.gathered().families.iter().map(|family| family.metrics.len()).sum();
        if metrics > MAX_METRICS {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_KEPT {
            kept.push(pages);
        }
    }
}

impl Pages {
    /// Reads the registry, for a scraper that waits until `deadline`.
    pub(crate) fn gather_until(&mut self, deadline: Option<Instant>) -> &Gathered {
        self.gatherer.gather_until(deadline)
    }

    /// What was read.
    pub(crate) fn gathered(&self) -> &Gathered {
        self.gatherer.gathered()
    }

    /// What was gathered, as a page.
    pub(crate) fn write(&mut self, format: Format, options: WriteOptions) -> &[u8] {
        let known = self.writers.iter().position(|w| (w.format(), w.options()) == (format, options));
        // The writer in use stands last, the one that was not used for longest first.
        let writer = match known {
            Some(at) => self.writers.remove(at),
            None => PageWriter::new(format, options),
        };
        if self.writers.len() == MAX_WRITERS {
            self.writers.remove(0);
        }
        self.writers.push(writer);
        let gathered = self.gatherer.gathered();
        self.writers.last_mut().map_or(&[], |writer| writer.write_gathered(gathered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_reasonable_size_are_kept() {
        let registry = Registry::new();
        let family = registry.counter_family("hits", "Hits.", ["path"]).unwrap();
        let last = LastPages::default();
        for (members, kept) in [(10, 1), (MAX_METRICS + 1, 0)] {
            (0..members).for_each(|n| family.inc([&n.to_string()]));
            let mut pages = last.take(&registry);
            assert_eq!(pages.gather_until(None).families[0].metrics.len(), members);
            last.put_back(pages);
            assert_eq!(last.0.lock().unwrap().len(), kept);
        }
    }

    #[test]
    fn scrapes_at_once_do_not_share() {
        let registry = Registry::new();
        registry.counter("hits", "Hits.").unwrap();
        let last = LastPages::default();
        let mut all: Vec<Pages> = (0..MAX_KEPT + 2).map(|_| last.take(&registry)).collect();
        for pages in &mut all {
            pages.gather_until(None);
            let page = pages.write(Format::Text, WriteOptions::default());
            assert!(page.ends_with(b"hits_total 0\n"));
        }
        all.into_iter().for_each(|pages| last.put_back(pages));
        assert_eq!(last.0.lock().unwrap().len(), MAX_KEPT);
    }

    #[test]
    fn the_ways_of_showing_are_limited() {
        let registry = Registry::new();
        registry.counter("hits", "Hits.").unwrap();
        let mut pages = LastPages::default().take(&registry);
        pages.gather_until(None);
        for created in [false, true] {
            for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
                assert!(!pages.write(format, WriteOptions::default().created_lines(created)).is_empty());
            }
        }
        assert_eq!(pages.writers.len(), MAX_WRITERS);
    }
}
