//! Pages of a text format, one after another.

use metrics_core::family::{Metric, MetricFamily};
use metrics_core::instrument::Outline;
use metrics_core::{LabelSet, MetricType};

use super::patch::Patch;
use crate::WriteOptions;
use crate::sample_line::{Dialect, Extra, SampleLine};

/// How many families ahead one of the same name is looked for.
const LOOK_AHEAD: usize = 16;

/// The last page and what is known of it.
#[derive(Debug)]
pub(super) struct Rewriter<D> {
    options: WriteOptions,
    page: Vec<u8>,
    /// Kept for its capacity.
    next: Vec<u8>,
    families: Vec<Kept<D>>,
}

/// A family of the last page.
#[derive(Debug)]
struct Kept<D> {
    /// How its lines look.
    dialect: D,
    /// Without escaping.
    name: String,
    known_by: KnownBy,
    /// How many bytes its metadata and all of it are.
    head: usize,
    whole: usize,
    lines: Vec<Line>,
}

/// By what it is said whether a family is the same but for its values.
#[derive(Debug)]
enum KnownBy {
    Outline(Outline),
    Parts(Box<Parts>),
}

/// All of a family but its name and values.
#[derive(Debug)]
struct Parts {
    help: String,
    unit: String,
    metric_type: MetricType,
    labels: Vec<LabelSet>,
}

/// A line of the last page.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// How many bytes its series part and what follows are.
    series: u32,
    rest: u32,
    value: u64,
    extra: u64,
}

impl<D: Dialect> Rewriter<D> {
    pub(super) fn new(options: WriteOptions) -> Self {
        Self { options, page: Vec::new(), next: Vec::new(), families: Vec::new() }
    }

    /// A page with these families and this end.
    pub(super) fn write<'f>(
        &mut self,
        families: impl Iterator<Item = (&'f MetricFamily, Option<Outline>)>,
        end: &[u8],
    ) -> &[u8] {
        let mut families = families.peekable();
        let mut patch = Patch::new(&mut self.page, &mut self.next);
        let mut known = 0;
        while let Some(kept) = self.families.get_mut(known)
            && let Some((family, outline)) = families.next_if(|(family, outline)| kept.is(family, *outline))
        {
            kept.write(&mut patch, family, outline, self.options);
            known += 1;
        }
        let mut rest = self.families.split_off(known).into_iter();
        for (family, outline) in families {
            let ahead = rest.as_slice().iter().take(LOOK_AHEAD);
            let kept = match ahead.clone().position(|kept| kept.name == family.name) {
                Some(at) => {
                    patch.skip(ahead.take(at).map(|gone| gone.whole).sum());
                    rest.nth(at)
                }
                None => None,
            };
            let mut kept = kept.unwrap_or_else(|| Kept::new(family, self.options));
            kept.write(&mut patch, family, outline, self.options);
            self.families.push(kept);
        }
        patch.skip(rest.map(|gone| gone.whole).sum());
        patch.finish(end);
        &self.page
    }
}

impl<D: Dialect> Kept<D> {
    /// A family that was not on the last page.
    fn new(family: &MetricFamily, options: WriteOptions) -> Self {
        Self {
            dialect: D::owned(family, options),
            name: family.name.clone(),
            known_by: KnownBy::of(family, None),
            head: 0,
            whole: 0,
            lines: Vec::new(),
        }
    }

    /// Whether it is this one, perhaps with other metrics.
    fn is(&self, family: &MetricFamily, outline: Option<Outline>) -> bool {
        matches!((&self.known_by, outline), (KnownBy::Outline(old), Some(new)) if *old == new)
            || self.name == family.name
    }

    /// Puts this family where it was on the last page.
    fn write(
        &mut self,
        patch: &mut Patch<'_>,
        family: &MetricFamily,
        outline: Option<Outline>,
        options: WriteOptions,
    ) {
        let start = patch.mark();
        if self.head == 0 || !self.known_by.knows(family, outline) || !self.renew(patch, family) {
            patch.back_to(start);
            patch.skip(self.whole);
            self.known_by = KnownBy::of(family, outline);
            self.dialect = D::owned(family, options);
            self.anew(patch.insert(), family);
        }
    }

    /// Appends all of it.
    #[inline(never)]
    fn anew(&mut self, out: &mut Vec<u8>, family: &MetricFamily) {
        let Self { dialect, lines, .. } = self;
        let begin = out.len();
        dialect.head(out, family);
        self.head = out.len() - begin;
        lines.clear();
        for metric in &family.metrics {
            dialect.lines(metric, |line| {
                let start = out.len();
                dialect.series(out, metric, &line);
                let series = (out.len() - start) as u32;
                dialect.rest(out, metric, &line);
                let rest = (out.len() - start) as u32 - series;
                lines.push(Line { series, rest, value: line.shown(metric), extra: line.extra() });
            });
        }
        self.whole = out.len() - begin;
    }

    /// Writes new values over the old ones; says `false` if its lines are not what they were.
    fn renew(&mut self, patch: &mut Patch<'_>, family: &MetricFamily) -> bool {
        let Self { dialect, lines, .. } = self;
        let mut lines = lines.iter_mut();
        let (mut same, mut whole) = (true, self.head);
        patch.keep(self.head);
        for metric in &family.metrics {
            dialect.lines(metric, |line| match lines.next() {
                Some(known) if same && known.extra != NEVER && known.extra == line.extra() => {
                    known.renew(patch, dialect, metric, &line);
                    whole += known.series as usize + known.rest as usize;
                }
                _ => same = false,
            });
        }
        same &= lines.next().is_none();
        if same {
            self.whole = whole;
        }
        same
    }
}

impl Line {
    #[inline]
    fn renew(
        &mut self,
        patch: &mut Patch<'_>,
        dialect: &impl Dialect,
        metric: &Metric,
        line: &SampleLine<'_>,
    ) {
        let (old, new) = (self.value, line.shown(metric));
        patch.keep(self.series as usize);
        if new == NEVER || old == NEVER {
            return self.rewrite(patch, dialect, metric, line);
        }
        if new == old {
            return patch.keep(self.rest as usize);
        }
        // A space before the value, and the end of the line behind.
        let len = (self.rest as usize).saturating_sub(2);
        match dialect.short(line.number) {
            Some(text) => {
                patch.keep(1);
                patch.replace_short(len, text);
                patch.keep(1);
                (self.rest, self.value) = (text.len as u32 + 2, new);
            }
            None => self.rewrite(patch, dialect, metric, line),
        }
    }

    #[inline(never)]
    fn rewrite(
        &mut self,
        patch: &mut Patch<'_>,
        dialect: &impl Dialect,
        metric: &Metric,
        line: &SampleLine<'_>,
    ) {
        let rest = patch.replace_with(self.rest as usize, |out| dialect.rest(out, metric, line));
        (self.rest, self.value) = (rest as u32, line.shown(metric));
    }
}

impl KnownBy {
    fn of(family: &MetricFamily, outline: Option<Outline>) -> Self {
        let parts = || Parts {
            help: family.help.clone(),
            unit: family.unit.clone(),
            metric_type: family.metric_type,
            labels: family.metrics.iter().map(|metric| metric.labels.clone()).collect(),
        };
        outline.map_or_else(|| Self::Parts(Box::new(parts())), Self::Outline)
    }

    /// Whether the family, which has the same name, is the same but for its values.
    fn knows(&self, family: &MetricFamily, outline: Option<Outline>) -> bool {
        match (self, outline) {
            (Self::Outline(old), Some(new)) => *old == new,
            (Self::Parts(parts), None) => {
                (&parts.help, &parts.unit, parts.metric_type)
                    == (&family.help, &family.unit, family.metric_type)
                    && parts.labels.iter().eq(family.metrics.iter().map(|metric| &metric.labels))
            }
            _ => false,
        }
    }
}

/// The bits of a NaN that nobody shows.
const NEVER: u64 = u64::MAX;

impl SampleLine<'_> {
    /// The bits of the value, or [`NEVER`] if something stands behind it. That may change from page to page, so such
    /// a line is never left as it is.
    #[inline]
    fn shown(&self, metric: &Metric) -> u64 {
        let is_plain = metric.timestamp.is_none() && self.exemplar.is_none();
        if is_plain { self.number.value().to_bits() } else { NEVER }
    }

    /// What tells the series part from that of another line of the metric; [`NEVER`] if that takes more than a number.
    #[inline]
    fn extra(&self) -> u64 {
        match self.extra {
            // Lines of one metric have suffixes of different lengths; no bound is such a NaN.
            Extra::None => NEVER << 8 | self.suffix.len() as u64,
            Extra::Number(_, bound) => bound.to_bits(),
            Extra::State(_) | Extra::Info(_) => NEVER,
        }
    }
}
