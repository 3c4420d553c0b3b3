//! Writes a page again and again: it is nearly the last page.

mod patch;
mod rewriter;
#[cfg(test)]
mod tests;

use metrics_core::family::MetricFamily;
use metrics_core::instrument::{Gathered, Outline};

use self::rewriter::Rewriter;
use crate::{Format, WriteOptions, openmetrics, text};

/// Writes one page after another, and leaves in place what is still the same.
///
/// The series part of a line is put together once. From then on a page costs what its new values cost: they are written
/// over the old ones, and only where one has become longer or shorter is what follows it moved.
///
/// A family of a [`Gatherer`] is known again by its [`Outline`]; any other by comparing its metadata and labels.
///
/// [`Gatherer`]: metrics_core::instrument::Gatherer
///
/// ```
/// use expo_format::{Format, PageWriter, WriteOptions};
/// use metrics_core::instrument::{Gatherer, Registry};
/// let registry = Registry::new();
/// let orders = registry.counter("orders", "Orders taken.")?;
/// let mut gatherer = Gatherer::new(&registry);
/// let mut writer = PageWriter::new(Format::Text, WriteOptions::default());
/// for n in 1..=3 {
///     orders.inc();
///     let page = writer.write_gathered(gatherer.gather());
///     let expected = format!("# HELP orders_total Orders taken.\n# TYPE orders_total counter\norders_total {n}\n");
///     assert_eq!(page, expected.as_bytes());
/// }
/// # Ok::<(), metrics_core::instrument::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct PageWriter {
    format: Format,
    options: WriteOptions,
    pages: Pages,
}

#[derive(Debug)]
enum Pages {
    Text(Rewriter<text::Lines<'static>>),
    OpenMetrics(Rewriter<openmetrics::Lines<'static>>),
    #[cfg(feature = "protobuf")]
    Protobuf(Vec<u8>),
}

impl PageWriter {
    /// Writes pages in this format. Of the binary format nothing is kept from page to page.
    pub fn new(format: Format, options: WriteOptions) -> Self {
        let pages = match format {
            #[cfg(feature = "protobuf")]
            Format::Protobuf => Pages::Protobuf(Vec::new()),
            Format::OpenMetrics | Format::OpenMetrics001 => Pages::OpenMetrics(Rewriter::new(options)),
            _ => Pages::Text(Rewriter::new(options)),
        };
        Self { format, options, pages }
    }

    /// The format of its pages.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How its pages are written.
    pub fn options(&self) -> WriteOptions {
        self.options
    }

    /// A page with these families, in their order; the same as [`crate::write`] appends.
    pub fn write(&mut self, families: &[MetricFamily]) -> &[u8] {
        self.write_outlined(families, families.iter().map(|family| (family, None)))
    }

    /// A page with all that was gathered. Faster than [`PageWriter::write`] where a gatherer gathers again and again.
    pub fn write_gathered(&mut self, gathered: &Gathered) -> &[u8] {
        self.write_outlined(&gathered.families, gathered.outlined())
    }

    fn write_outlined<'f>(
        &mut self,
        families: &[MetricFamily],
        outlined: impl Iterator<Item = (&'f MetricFamily, Option<Outline>)>,
    ) -> &[u8] {
        match &mut self.pages {
            // This format does not show families without metrics.
            Pages::Text(pages) => pages.write(outlined.filter(|(f, _)| !f.metrics.is_empty()), b""),
            Pages::OpenMetrics(pages) => pages.write(outlined, openmetrics::EOF),
            #[cfg(feature = "protobuf")]
            Pages::Protobuf(page) => {
                page.clear();
                crate::protobuf::write(page, families, self.options);
                page
            }
        }
    }
}
