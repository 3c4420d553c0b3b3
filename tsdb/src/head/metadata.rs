//! What kind of metric series are, what they mean, and their unit.

use std::collections::HashMap;
use std::sync::Arc;

use metrics_core::Metadata;

use super::limits::metadata_size;

/// The metadata of series, by slot.
#[derive(Debug, Default)]
pub(super) struct MetadataTable {
    table: HashMap<u32, Arc<Metadata>>,
    bytes: usize,
}

impl MetadataTable {
    /// The metadata of a series.
    pub(super) fn get(&self, slot: u32) -> Option<&Arc<Metadata>> {
        self.table.get(&slot)
    }

    /// Sets the metadata of a series.
    pub(super) fn insert(&mut self, slot: u32, metadata: Metadata) {
        self.bytes += metadata_size(&metadata);
        let before = self.table.insert(slot, Arc::new(metadata));
        self.bytes -= before.map_or(0, |before| metadata_size(&before));
    }

    /// Forgets the metadata of a series.
    pub(super) fn remove(&mut self, slot: u32) {
        self.bytes -= self.table.remove(&slot).map_or(0, |gone| metadata_size(&gone));
    }

    /// All metadata, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Arc<Metadata>)> {
        self.table.iter().map(|(slot, metadata)| (*slot, metadata))
    }

    /// Bytes of everything.
    pub(super) fn heap_size(&self) -> usize {
        self.bytes
    }
}
