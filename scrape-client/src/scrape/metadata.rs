//! What a target says about its metrics: type, help, unit.

use std::collections::HashMap;

use metrics_core::{Metadata, MetricType};
use parking_lot::{Mutex, MutexGuard};

/// Metadata of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyMetadata {
    /// The family's name.
    pub name: String,
    /// What the target says about it.
    pub metadata: Metadata,
}

/// What a target said lately. Families that are gone are kept for ten scrapes.
#[derive(Debug, Default)]
pub struct MetadataStore(Mutex<Families>);

#[derive(Debug, Default)]
struct Families {
    iteration: u64,
    families: HashMap<String, (Metadata, u64)>,
}

const KEPT_ITERATIONS: u64 = 10;

impl MetadataStore {
    /// All families, sorted by name.
    pub fn list(&self) -> Vec<FamilyMetadata> {
        let families = self.0.lock();
        let mut out: Vec<_> = families
            .families
            .iter()
            .map(|(name, (metadata, _))| FamilyMetadata { name: name.clone(), metadata: metadata.clone() })
            .collect();
        out.sort_by(|a, b| a.name.cmp(&b.name));
        out
    }

    /// One family.
    pub fn get(&self, name: &str) -> Option<Metadata> {
        self.0.lock().families.get(name).map(|(m, _)| m.clone())
    }

    /// Collects what a page says; who wants to read the store waits until the page is through.
    pub(super) fn writer(&self) -> Writer<'_> {
        Writer { families: self.0.lock() }
    }
}

/// The metadata lines of one page.
pub(super) struct Writer<'a> {
    families: MutexGuard<'a, Families>,
}

impl Writer<'_> {
    pub(super) fn help(&mut self, name: &str, help: &str) {
        update(&mut self.families, name, |m| {
            if m.help != help {
                help.clone_into(&mut m.help);
            }
        });
    }

    pub(super) fn unit(&mut self, name: &str, unit: &str) {
        update(&mut self.families, name, |m| {
            if m.unit != unit {
                unit.clone_into(&mut m.unit);
            }
        });
    }

    pub(super) fn metric_type(&mut self, name: &str, metric_type: MetricType) {
        update(&mut self.families, name, |m| m.metric_type = metric_type);
    }

    /// Ends a good page.
    pub(super) fn finish(mut self) {
        let iteration = self.families.iteration;
        self.families.families.retain(|_, (_, seen)| iteration - *seen <= KEPT_ITERATIONS);
        self.families.iteration += 1;
    }
}

fn update(families: &mut Families, name: &str, change: impl FnOnce(&mut Metadata)) {
    let iteration = families.iteration;
    match families.families.get_mut(name) {
        Some((metadata, seen)) => {
            *seen = iteration;
            change(metadata);
        }
        None => {
            let mut metadata = Metadata::default();
            change(&mut metadata);
            families.families.insert(name.to_owned(), (metadata, iteration));
        }
    }
}
