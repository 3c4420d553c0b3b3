//! Writes a page again and again: it is nearly the last page.

use metrics_core::family::{Metric, MetricFamily};
use metrics_core::{LabelSet, MetricType};

use crate::sample_line::{Dialect, Extra, SampleLine};
use crate::{Format, WriteOptions, openmetrics, text};

/// How many families ahead one of the same name is looked for.
const LOOK_AHEAD: usize = 16;

/// Writes one page after another, and copies from the last one what is still the same.
///
/// The series part of a line is put together once; from then on it is copied, and so is the whole line while the value
/// stays the same. A family is known again by its metrics' label sets, which have to be the very same ones, as those of
/// a [`Gatherer`] are: equal sets that were made anew cost a family its copy.
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
///     let page = writer.write(&gatherer.gather().families);
///     let expected = format!("# HELP orders_total Orders taken.\n# TYPE orders_total counter\norders_total {n}\n");
///     assert_eq!(page, expected.as_bytes());
/// }
/// # Ok::<(), metrics_core::instrument::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct PageWriter {
    format: Format,
    options: WriteOptions,
    page: Vec<u8>,
    last: Vec<u8>,
    families: Vec<Kept>,
    /// Kept for its capacity.
    spare: Vec<Kept>,
}

/// A family of the last page.
#[derive(Debug, Default)]
struct Kept {
    name: String,
    help: String,
    unit: String,
    metric_type: MetricType,
    /// Where it begins in the page, and how long its metadata is.
    start: usize,
    head: usize,
    labels: Vec<LabelSet>,
    lines: Vec<Line>,
}

/// A line of the last page.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// How long its series part and all of it are.
    series: u32,
    whole: u32,
    value: u64,
    extra: u64,
}

impl PageWriter {
    /// Writes pages in this format. Of the binary format nothing is kept from page to page.
    pub fn new(format: Format, options: WriteOptions) -> Self {
        Self { format, options, page: Vec::new(), last: Vec::new(), families: Vec::new(), spare: Vec::new() }
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
        std::mem::swap(&mut self.page, &mut self.last);
        self.page.clear();
        match self.format {
            #[cfg(feature = "protobuf")]
            Format::Protobuf => crate::protobuf::write(&mut self.page, families, self.options),
            Format::OpenMetrics | Format::OpenMetrics001 => {
                self.text(families, |page, family, options, kept| {
                    let lines = openmetrics::Lines::of(family, options);
                    kept.write(page, family, &lines, |out| lines.head(out, family));
                });
                openmetrics::write_eof(&mut self.page);
            }
            _ => {
                // This format does not show families without metrics.
                let shown = families.iter().filter(|family| !family.metrics.is_empty());
                self.text(shown, |page, family, options, kept| {
                    let lines = text::Lines::of(family, options);
                    kept.write(page, family, &lines, |out| lines.head(out, family));
                });
            }
        }
        &self.page
    }

    fn text<'f>(
        &mut self,
        families: impl IntoIterator<Item = &'f MetricFamily>,
        write: impl Fn(&mut Copier<'_>, &MetricFamily, WriteOptions, &mut Kept),
    ) {
        let mut page = Copier { page: &mut self.page, last: &self.last, from: 0, to: 0 };
        let mut rest = self.families.as_mut_slice();
        for family in families {
            let ahead = &rest[..rest.len().min(LOOK_AHEAD)];
            let known = ahead.iter().position(|kept| kept.name == family.name);
            let mut kept = match known {
                Some(at) => {
                    let kept = std::mem::take(&mut rest[at]);
                    rest = &mut rest[at + 1..];
                    kept
                }
                None => Kept::default(),
            };
            write(&mut page, family, self.options, &mut kept);
            self.spare.push(kept);
        }
        page.flush();
        self.families.clear();
        std::mem::swap(&mut self.families, &mut self.spare);
    }
}

impl Kept {
    /// Appends the family, and keeps where its lines are.
    fn write(
        &mut self,
        page: &mut Copier<'_>,
        family: &MetricFamily,
        dialect: &impl Dialect,
        head: impl FnOnce(&mut Vec<u8>),
    ) {
        let (start, mark) = (page.len(), page.mark());
        if !self.rewrite(page, family, dialect) {
            page.back_to(mark);
            self.begin(family);
            let out = page.out();
            head(out);
            self.head = out.len() - start;
            self.anew(out, family, dialect);
        }
        self.start = start;
    }

    fn begin(&mut self, family: &MetricFamily) {
        self.name.clone_from(&family.name);
        self.help.clone_from(&family.help);
        self.unit.clone_from(&family.unit);
        self.metric_type = family.metric_type;
        self.labels.clear();
        self.lines.clear();
    }

    fn anew(&mut self, out: &mut Vec<u8>, family: &MetricFamily, dialect: &impl Dialect) {
        for metric in &family.metrics {
            self.labels.push(metric.labels.clone());
            dialect.lines(metric, |line| {
                let start = out.len();
                dialect.series(out, metric, &line);
                let series = (out.len() - start) as u32;
                dialect.rest(out, metric, &line);
                let whole = (out.len() - start) as u32;
                let value = if line.is_plain(metric) { line.value() } else { NEVER };
                self.lines.push(Line { series, whole, value, extra: line.extra() });
            });
        }
    }

    /// Appends the family by copying, if its labels are those that it had; else what is appended is void.
    fn rewrite(&mut self, page: &mut Copier<'_>, family: &MetricFamily, dialect: &impl Dialect) -> bool {
        if self.labels.len() != family.metrics.len() || !self.has_head_of(family) {
            return false;
        }
        let mut at = self.start + self.head;
        page.copy(self.start, at);
        let mut kept = self.lines.iter_mut();
        for (metric, labels) in family.metrics.iter().zip(&self.labels) {
            if !metric.labels.is_clone_of(labels) {
                return false;
            }
            let mut same_lines = true;
            dialect.lines(metric, |line| {
                let known = kept.next().filter(|kept| kept.extra != NEVER && kept.extra == line.extra());
                let Some(known) = known.filter(|_| same_lines) else {
                    same_lines = false;
                    return;
                };
                let end = at + known.whole as usize;
                let is_plain = line.is_plain(metric);
                if is_plain && known.value == line.value() {
                    page.copy(at, end);
                } else {
                    let series_end = at + known.series as usize;
                    page.copy(at, series_end);
                    let out = page.out();
                    let value = out.len();
                    dialect.rest(out, metric, &line);
                    known.whole = known.series + (out.len() - value) as u32;
                    known.value = if is_plain { line.value() } else { NEVER };
                }
                at = end;
            });
            if !same_lines {
                return false;
            }
        }
        kept.next().is_none()
    }

    fn has_head_of(&self, family: &MetricFamily) -> bool {
        // One that was not there before has no metadata; the names were compared when it was found.
        self.head > 0
            && (&self.help, &self.unit, self.metric_type) == (&family.help, &family.unit, family.metric_type)
    }
}

/// The bits of a NaN that nobody shows.
const NEVER: u64 = u64::MAX;

impl SampleLine<'_> {
    fn value(&self) -> u64 {
        self.number.value().to_bits()
    }

    /// Whether nothing stands behind the value. What does may change from page to page, so a line that is not plain is
    /// never copied as a whole.
    fn is_plain(&self, metric: &Metric) -> bool {
        metric.timestamp.is_none() && self.exemplar.is_none()
    }

    /// What tells the series part from that of another line of the metric; [`NEVER`] if that takes more than a number.
    fn extra(&self) -> u64 {
        match self.extra {
            // Lines of one metric have suffixes of different lengths; no bound is such a NaN.
            Extra::None => NEVER << 8 | self.suffix.len() as u64,
            Extra::Number(_, bound) => bound.to_bits(),
            Extra::State(_) | Extra::Info(_) => NEVER,
        }
    }
}

/// A page in the making; pieces of the last page that follow each other are copied at once.
struct Copier<'a> {
    page: &'a mut Vec<u8>,
    last: &'a [u8],
    /// The piece that is yet to be copied.
    from: usize,
    to: usize,
}

impl Copier<'_> {
    /// How long the page is with all that is to be copied.
    fn len(&self) -> usize {
        self.page.len() + (self.to - self.from)
    }

    #[inline]
    fn copy(&mut self, from: usize, to: usize) {
        if from != self.to {
            self.flush();
            self.from = from;
        }
        self.to = to;
    }

    #[inline]
    fn flush(&mut self) {
        self.page.extend_from_slice(&self.last[self.from..self.to]);
        self.from = self.to;
    }

    /// The page itself, to be appended to.
    #[inline]
    fn out(&mut self) -> &mut Vec<u8> {
        self.flush();
        self.page
    }

    /// Where the page ends now, to come back to.
    fn mark(&mut self) -> usize {
        self.out().len()
    }

    /// Takes back everything since a mark.
    fn back_to(&mut self, mark: usize) {
        self.from = self.to;
        self.page.truncate(mark);
    }
}

#[cfg(test)]
mod tests;
