//! A page without anybody who asks for it.

use expo_format::{Format, WriteOptions};
use metrics_core::instrument::Registry;

/// The page of a registry in the classic text format, for tests, logs and files.
///
/// ```
/// use exporter_kit::instrument::Registry;
/// let registry = Registry::new();
/// registry.gauge("load", "Load.")?.set(0.5);
/// assert_eq!(exporter_kit::text_page(&registry), "# HELP load Load.\n# TYPE load gauge\nload 0.5\n");
/// # Ok::<(), exporter_kit::instrument::RegisterError>(())
/// ```
pub fn text_page(registry: &Registry) -> String {
    let mut page = Vec::new();
    expo_format::write(&mut page, Format::Text, &registry.gather().families, WriteOptions::default());
    // The writer is given texts and puts none of them apart.
    String::from_utf8(page).unwrap_or_default()
}
