//! Gathering again and again.

use std::fmt;
use std::iter::Peekable;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::collect::CollectError;
use super::gather::{GatherError, Gathered, Outline, Page, add_labels, sort_and_dedup};
use super::registry::{Collector, Entry, Registry, Shown, counts};
use crate::family::MetricFamily;

/// Gathers a registry again and again, and leaves in place what is as it was: names, texts and labels are put together
/// once, and a counter, gauge or histogram is read without allocating.
///
/// ```
/// use metrics_core::instrument::{Gatherer, Registry};
/// let registry = Registry::new();
/// let orders = registry.counter("orders", "Orders taken.")?;
/// let mut gatherer = Gatherer::new(&registry);
/// for n in 1..=3 {
///     orders.inc();
///     assert_eq!(gatherer.gather().value("orders_total", &[]), Some(f64::from(n)));
/// }
/// # Ok::<(), metrics_core::instrument::RegisterError>(())
/// ```
pub struct Gatherer {
    registry: Registry,
    /// Which state of the registry `kept` and `collectors` are of.
    changes: Option<u64>,
    kept: Vec<Kept>,
    collectors: Vec<Collector>,
    gathered: Gathered,
    /// For each gathered family which of the kept ones it is, if it is one.
    lenders: Vec<Option<usize>>,
}

/// A registered family, from one time to the next.
struct Kept {
    entries: Vec<Entry>,
    /// Empty while it is lent.
    family: MetricFamily,
    /// Where it is among the gathered families, if it is there.
    lent: Option<usize>,
    /// Which version of its members is in the family, in their own order; `None` if they have to be read anew.
    version: Option<u64>,
    outline: Outline,
}

impl Gatherer {
    /// Gathers this registry; nothing is read yet.
    pub fn new(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            changes: None,
            kept: Vec::new(),
            collectors: Vec::new(),
            gathered: Gathered::default(),
            lenders: Vec::new(),
        }
    }

    /// Reads everything registered. No lock is held while instruments and collectors are read.
    pub fn gather(&mut self) -> &Gathered {
        self.gather_until(None)
    }

    /// As [`Gatherer::gather`], for a scraper that waits until `deadline`: collectors are told.
    pub fn gather_until(&mut self, deadline: Option<Instant>) -> &Gathered {
        if let Some(Shown { changes, metrics, collectors }) = self.registry.shown(self.changes) {
            self.changes = Some(changes);
            self.collectors = collectors;
            self.lenders.clear();
            self.gathered.families.clear();
            self.kept = metrics.into_iter().map(|(family, entries)| Kept::new(family, entries)).collect();
        }
        let mut page = Page::default();
        let Gathered { families, outlines, .. } = &mut self.gathered;
        for kept in &mut self.kept {
            kept.read(families, &mut page);
            if let Some(outline) = kept.lent.and_then(|at| outlines.get_mut(at)) {
                *outline = Some(kept.outline);
            }
        }
        for collector in &self.collectors {
            collector.read(&mut page, &self.kept, families, deadline);
        }
        self.put_together(page);
        &self.gathered
    }

    /// What was read last.
    pub fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    /// As [`Gatherer::gather`], for the last time.
    pub(super) fn into_gathered(mut self, deadline: Option<Instant>) -> Gathered {
        self.gather_until(deadline);
        // Whoever has them may change them.
        Gathered { outlines: Vec::new(), ..self.gathered }
    }

    /// Puts the families of this moment among the registered ones, where they were the last time if they still fit.
    fn put_together(&mut self, page: Page) {
        let (collected, errors) = page.finish();
        let collected: Vec<_> = collected.filter(|family| !family.metrics.is_empty()).collect();
        self.gathered.errors = errors;
        if self.fits(&collected) {
            let places = self.gathered.families.iter_mut().zip(&self.lenders).filter(|(_, l)| l.is_none());
            places.zip(collected).for_each(|((place, _), family)| *place = family);
        } else {
            self.take_back();
            self.merge(collected);
        }
    }

    /// Whether the same families are to be shown as the last time.
    fn fits(&self, collected: &[MetricFamily]) -> bool {
        let families = &self.gathered.families;
        let places = families.iter().zip(&self.lenders).filter(|(_, lender)| lender.is_none());
        places.map(|(family, _)| &family.name).eq(collected.iter().map(|family| &family.name))
            && self.kept.iter().all(|kept| kept.lent.is_some() != kept.family(families).metrics.is_empty())
    }

    /// Puts what was lent to the last page back to where it is kept.
    fn take_back(&mut self) {
        for (family, lender) in self.gathered.families.drain(..).zip(self.lenders.drain(..)) {
            if let Some(kept) = lender.and_then(|at| self.kept.get_mut(at)) {
                kept.family = family;
                kept.lent = None;
            }
        }
    }

    /// Merges registered families, which are in order, with those of this moment, which come first.
    fn merge(&mut self, collected: Vec<MetricFamily>) {
        let families = &mut self.gathered.families;
        let mut collected = collected.into_iter().peekable();
        for (at, kept) in self.kept.iter_mut().enumerate().filter(|(_, k)| !k.family.metrics.is_empty()) {
            while let Some(family) = next_up_to(&mut collected, &kept.family.name) {
                families.push(family);
                self.lenders.push(None);
            }
            if families.last().is_none_or(|last| last.name != kept.family.name) {
                kept.lent = Some(families.len());
                families.push(std::mem::take(&mut kept.family));
                self.lenders.push(Some(at));
            }
        }
        families.extend(collected);
        self.lenders.resize(families.len(), None);
        let outline = |lender: &Option<usize>| lender.and_then(|at| Some(self.kept.get(at)?.outline));
        self.gathered.outlines = self.lenders.iter().map(outline).collect();
    }
}

/// The next family if its name is not behind `name`.
fn next_up_to(
    families: &mut Peekable<impl Iterator<Item = MetricFamily>>,
    name: &str,
) -> Option<MetricFamily> {
    families.next_if(|family| family.name.as_str() <= name)
}

impl Kept {
    fn new(family: MetricFamily, entries: Vec<Entry>) -> Self {
        Self { entries, family, lent: None, version: None, outline: Outline::new() }
    }

    /// The family, be it here or among the gathered ones.
    fn family<'a>(&'a self, gathered: &'a [MetricFamily]) -> &'a MetricFamily {
        self.lent.and_then(|at| gathered.get(at)).unwrap_or(&self.family)
    }

    fn read(&mut self, gathered: &mut [MetricFamily], page: &mut Page) {
        let Self { entries, family, lent, version, outline } = self;
        let family = lent.and_then(|at| gathered.get_mut(at)).unwrap_or(family);
        let refreshed = match (&entries[..], *version) {
            ([entry], Some(version)) => entry.source.refresh(&mut family.metrics, version),
            _ => false,
        };
        if !refreshed {
            *version = read_anew(entries, family, &mut page.errors);
            *outline = Outline::new();
        }
        for entry in entries {
            page.refused(&family.name, entry.source.refused());
        }
    }
}

/// Returns the version that can be refreshed, if the metrics are in their source's order.
fn read_anew(entries: &[Entry], family: &mut MetricFamily, errors: &mut Vec<GatherError>) -> Option<u64> {
    let version = match entries {
        [entry] => Some(entry.source.version()),
        _ => None,
    };
    family.metrics.clear();
    for entry in entries {
        let start = family.metrics.len();
        entry.source.read_into(&mut family.metrics);
        add_labels(&mut family.metrics[start..], &entry.const_labels);
        for metric in &mut family.metrics[start..] {
            metric.created = metric.created.filter(|_| counts(family.metric_type)).or(entry.created);
        }
    }
    if family.is_in_order() {
        return version;
    }
    // Constant labels may come between a member's own.
    sort_and_dedup(family, errors);
    None
}

impl Collector {
    fn read(
        &self,
        page: &mut Page,
        registered: &[Kept],
        gathered: &[MetricFamily],
        deadline: Option<Instant>,
    ) {
        let mut families = Vec::new();
        // A collector that panics is a collector that failed: the rest of the page is worth more.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.collect.collect_until(&mut families, deadline)));
        if let Err(error) = outcome.unwrap_or_else(|_| Err(CollectError::new("it panicked"))) {
            page.errors.push(GatherError::Collector { collector: self.name.clone(), error });
        }
        for mut family in families {
            if !self.prefix.is_empty() {
                family.name.insert_str(0, &self.prefix);
            }
            add_labels(&mut family.metrics, &self.const_labels);
            // Rare: metrics for a registered family. What is registered stays as it is; a copy is added to.
            let name_of = |kept: &Kept| kept.family(gathered).name.cmp(&family.name);
            if let Ok(at) = registered.binary_search_by(name_of) {
                let copy = || registered[at].family(gathered).clone();
                page.families.entry(family.name.clone()).or_insert_with(copy);
            }
            page.merge(family, &self.name);
        }
    }
}

impl fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gatherer").field("registry", &self.registry).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Buckets, Counter, Family};
    use super::*;
    use crate::family::MetricValue;
    use crate::{LabelSet, MetricType};

    /// Everything that a page shows, as text.
    fn shown(gathered: &Gathered) -> Vec<String> {
        let families = gathered.families.iter();
        families
            .flat_map(|f| f.metrics.iter().map(|m| format!("{} {} {:?}", f.name, m.labels, m.value)))
            .collect()
    }

    /// What is kept must never differ from what is read anew.
    fn check(gatherer: &mut Gatherer, registry: &Registry) -> Vec<String> {
        let kept = shown(gatherer.gather());
        assert_eq!(kept, shown(&registry.gather()));
        kept
    }

    #[test]
    fn later_pages_show_what_has_changed() {
        let registry = Registry::new().const_label("zone", "eu");
        let mut gatherer = Gatherer::new(&registry);
        assert!(check(&mut gatherer, &registry).is_empty());

        let hits = registry.counter_family("hits", "Hits.", ["path"]).unwrap();
        let waits = registry.histogram("waits", "Waits.", Buckets::new([1.0, 2.0]).unwrap()).unwrap();
        check(&mut gatherer, &registry);
        hits.inc(["/b"]);
        waits.observe(1.5);
        check(&mut gatherer, &registry);
        hits.inc(["/a"]);
        hits.add(["/b"], 5);
        waits.observe(0.5);
        let lines = check(&mut gatherer, &registry);
        assert!(
            lines[1].starts_with(r#"hits_total {path="/b", zone="eu"} Counter { total: 6.0"#),
            "{lines:?}"
        );
        hits.remove(["/b"]);
        assert_eq!(check(&mut gatherer, &registry).len(), 2);
        registry.gauge("a", "A.").unwrap().set(3.0);
        assert!(check(&mut gatherer, &registry)[0].starts_with("a "));
        registry.unregister("hits_total");
        assert_eq!(check(&mut gatherer, &registry).len(), 2);
    }

    #[test]
    fn what_does_not_change_stays_in_place() {
        let registry = Registry::new();
        let hits = registry.counter_family("hits", "Hits.", ["path"]).unwrap();
        (0..100).for_each(|n| hits.inc([&n.to_string()]));
        let mut gatherer = Gatherer::new(&registry);
        let places = |g: &Gathered| -> Vec<_> {
            g.families[0].metrics.iter().map(|m| m.labels.iter().next().map(|l| l.1.as_ptr())).collect()
        };
        let first = (gatherer.gather().families[0].metrics.as_ptr(), places(&gatherer.gathered));
        hits.inc(["7"]);
        let second = (gatherer.gather().families[0].metrics.as_ptr(), places(&gatherer.gathered));
        assert_eq!(first, second);
        assert_eq!(gatherer.gathered.value("hits_total", &[("path", "7")]), Some(2.0));
    }

    #[test]
    fn members_without_some_label_are_not_taken_for_each_other() {
        // The constant label sorts between the two others, and so changes the members' order.
        let registry = Registry::new().const_label("b", "x");
        let family: Family<[&str; 2], Counter> = Family::new(["a", "c"], Counter::new);
        registry.register(("f", "F."), family.clone()).unwrap();
        family.add(["1", ""], 1);
        family.add(["", "0"], 2);
        let mut gatherer = Gatherer::new(&registry);
        for _ in 0..3 {
            family.add(["1", ""], 10);
            check(&mut gatherer, &registry);
        }
        assert_eq!(gatherer.gather().value("f_total", &[("a", "1"), ("b", "x")]), Some(31.0));
    }

    #[test]
    fn a_full_family_shows_that_it_is() {
        let registry = Registry::new();
        let family: Family<[&str; 1], Counter> = Family::new(["a"], Counter::new).max_members(1);
        registry.register(("f", "F."), family.clone()).unwrap();
        let mut gatherer = Gatherer::new(&registry);
        for (n, lines) in [1, 3, 3].into_iter().enumerate() {
            family.inc([&n.to_string()]);
            assert_eq!(check(&mut gatherer, &registry).len(), lines);
        }
    }

    #[test]
    fn collectors_may_add_to_registered_metrics() {
        let registry = Registry::new();
        let temperature = registry.gauge_family("temperature", "T.", ["room"]).unwrap();
        temperature.set(["a"], 20.0);
        let outside = |families: &mut Vec<MetricFamily>| {
            let mut family = MetricFamily::new("temperature", "T.", MetricType::Gauge);
            family.push(LabelSet::from_pairs([("room", "outside")]), MetricValue::Gauge(5.0));
            families.push(family);
            Ok(())
        };
        registry.register_collector("outside", outside).unwrap();
        let mut gatherer = Gatherer::new(&registry);
        for value in [20.0, 21.0] {
            temperature.set(["a"], value);
            let lines = check(&mut gatherer, &registry);
            assert_eq!(lines[0], format!("temperature {{room=\"a\"}} Gauge({value:?})"));
            assert_eq!(lines[1], "temperature {room=\"outside\"} Gauge(5.0)");
        }
    }
}
