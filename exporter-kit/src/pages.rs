//! What an endpoint keeps from one scrape to the next.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use expo_format::{Format, PageWriter, WriteOptions};
use metrics_core::instrument::{Gathered, Gatherer, Registry};

/// How many scrapes at once find something kept; those beyond begin anew.
const MAX_KEPT: usize = 2;
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
        let families = &self.gatherer.gathered().families;
        self.writers.last_mut().map_or(&[], |writer| writer.write(families))
    }
}
