//! What is in the head, and what makes it large.

use metrics_core::METRIC_NAME;

use super::Head;
use super::pages::PAGE;
use crate::cardinality::{Cardinality, most};

impl Head {
    /// Counts what is in the head; the `limit` largest of each kind.
    pub(crate) fn cardinality(&self, limit: usize) -> Cardinality {
        let index = self.index.read();
        let mut all = Cardinality { series: index.len(), range: self.time_range(), ..Cardinality::default() };
        for name in index.names() {
            let (mut values, mut bytes) = (0, 0);
            for (value, series) in index.values(name) {
                let series = series.len() as u64;
                values += 1;
                bytes += (text_size(name) + text_size(value)) * series;
                if name == METRIC_NAME {
                    all.series_by_metric.push((value.to_owned(), series));
                }
                all.series_by_pair.push((format!("{name}={value}"), series));
            }
            all.label_pairs += values as usize;
            all.values_by_label.push((name.to_owned(), values));
            all.bytes_by_label.push((name.to_owned(), bytes));
        }
        let slots: Vec<u32> = index.all().collect();
        drop(index);
        for neighbours in slots.chunk_by(|a, b| a / PAGE == b / PAGE) {
            let Some(page) = self.pages.get(neighbours[0]) else { continue };
            let mut page = page.lock();
            all.chunks += neighbours.iter().map(|slot| page.series(*slot).chunk_count()).sum::<usize>();
        }
        for list in [
            &mut all.series_by_metric,
            &mut all.values_by_label,
            &mut all.bytes_by_label,
            &mut all.series_by_pair,
        ] {
            most(list, limit);
        }
        all
    }
}

/// Bytes of a text of a label as the original keeps it, its length before it.
fn text_size(text: &str) -> u64 {
    let length = if text.len() < 255 { 1 } else { 4 };
    length + text.len() as u64
}
