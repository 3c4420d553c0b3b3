//! Instruments in statics.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::collect::{Collect, CollectError};
use super::source::{AnySource, Source};
use super::{Counter, Desc, Gauge, RegisterError, Registry};
use crate::MetricType;
use crate::family::MetricFamily;

/// An instrument or family in a `static`, made at first use, with its description beside it.
///
/// For code that has no place to keep handles, such as libraries deep below `main`. The macros
/// [`counter!`](crate::counter), [`gauge!`](crate::gauge) and [`histogram!`](crate::histogram!) write one down. A
/// registry shows all that have been used once it is told to ([`Registry::show_statics`]), or single ones
/// ([`Static::register`]).
///
/// It is not a plain `Counter`, because instruments are handles of what lies on the heap, which a constant cannot make; it is
/// used like one, and `BOOTS.clone()` is the `Counter` itself.
///
/// ```
/// use metrics_core::instrument::{Counter, Family, Histogram, Registry, Static};
/// use metrics_core::{counter, histogram};
///
/// static BOOTS: Static<Counter> = counter!("shop_boots", "Starts.");
/// static ORDERS: Static<Family<[&str; 1], Counter>> = counter!("shop_orders", "Orders taken.", ["country"]);
/// static BASKET: Static<Histogram> = histogram!("shop_basket", "Items per order.", buckets = [1.0, 5.0, 20.0]);
///
/// let registry = Registry::new();
/// registry.show_statics()?;
/// let boots: Counter = BOOTS.clone();
/// boots.inc();
/// ORDERS.inc(["fr"]);
/// assert_eq!(registry.value("shop_boots_total", &[]), Some(1.0));
/// assert_eq!(registry.value("shop_orders_total", &[("country", "fr")]), Some(1.0));
/// // What has not been used yet is not shown.
/// assert_eq!(registry.value("shop_basket_count", &[]), None);
/// BASKET.observe(3.0);
/// assert_eq!(registry.value("shop_basket_bucket", &[("le", "5")]), Some(1.0));
/// # Ok::<(), metrics_core::instrument::RegisterError>(())
/// ```
pub struct Static<M> {
    name: &'static str,
    help: &'static str,
    make: fn() -> M,
    instrument: OnceLock<M>,
}

/// A [`Static`] whose first use has come.
#[derive(Clone)]
struct Used {
    desc: Desc,
    metric_type: MetricType,
    source: Arc<dyn AnySource>,
}

/// All statics that have been used, in the order of their first uses: the one list of the crate that nobody hands around,
/// for statics exist where nothing can be handed in.
static USED: Mutex<Vec<Used>> = Mutex::new(Vec::new());

impl Static<Counter> {
    /// A counter.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Counter::new)
    }
}

impl Static<Gauge> {
    /// A gauge.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Gauge::new)
    }
}

impl<M> Static<M> {
    /// Any instrument or family, made by `make` at first use.
    pub const fn new(name: &'static str, help: &'static str, make: fn() -> M) -> Self {
        Self { name, help, make, instrument: OnceLock::new() }
    }
}

impl<M: Source> Static<M> {
    /// Shows it through a registry, or through several, whether it is used or not.
    ///
    /// # Errors
    /// [`RegisterError`] if the name is not valid or taken.
    pub fn register(&'static self, registry: &Registry) -> Result<(), RegisterError> {
        registry.register(Desc::new(self.name, self.help), (**self).clone())
    }

    #[cold]
    fn begin(&self) -> M {
        let made = (self.make)();
        let desc = Desc::new(self.name, self.help);
        let used = Used { desc, metric_type: M::TYPE, source: Arc::new(made.clone()) };
        USED.lock().unwrap_or_else(PoisonError::into_inner).push(used);
        made
    }
}

impl<M: Source> Deref for Static<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        self.instrument.get_or_init(|| self.begin())
    }
}

impl Registry {
    /// Shows every [`Static`] that has been used, now or later, by whatever part of the program.
    ///
    /// Statics of one name, in crates that do not know of each other, must have the same help and labels; what differs is
    /// left out and told as an error of the collector `statics`.
    ///
    /// # Errors
    /// [`RegisterError`] if this registry shows them already.
    pub fn show_statics(&self) -> Result<(), RegisterError> {
        self.register_collector("statics", Statics)
    }
}

/// Collects what has been used.
struct Statics;

impl Collect for Statics {
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        // Copied, since no lock is held while instruments are read.
        let used = USED.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for Used { desc, metric_type, source } in used {
            let name = desc.full_name("", metric_type);
            let mut family = MetricFamily::new(name, desc.help, metric_type);
            source.read_into(&mut family.metrics);
            families.push(family);
        }
        Ok(())
    }
}

/// A [`Static`](crate::instrument::Static) counter, or a family of counters with these labels.
///
/// ```
/// use metrics_core::counter;
/// use metrics_core::instrument::{Counter, Static};
/// static BOOTS: Static<Counter> = counter!("boots", "Starts.");
/// BOOTS.inc();
/// assert_eq!(BOOTS.value(), 1.0);
/// ```
#[macro_export]
macro_rules! counter {
    ($name:expr, $help:expr $(,)?) => {
        $crate::instrument::Static::new($name, $help, $crate::instrument::Counter::new)
    };
    ($name:expr, $help:expr, [$($label:expr),+ $(,)?] $(,)?) => {
        $crate::instrument::Static::new($name, $help, || {
            $crate::instrument::Family::new([$($label),+], $crate::instrument::Counter::new)
        })
    };
}

/// A [`Static`](crate::instrument::Static) gauge, or a family of gauges with these labels.
///
/// ```
/// use metrics_core::gauge;
/// use metrics_core::instrument::{Family, Gauge, Static};
/// static QUEUED: Static<Family<[&str; 1], Gauge>> = gauge!("queued", "Queued.", ["queue"]);
/// QUEUED.set(["mail"], 3.0);
/// assert_eq!(QUEUED.get(["mail"]).value(), 3.0);
/// ```
#[macro_export]
macro_rules! gauge {
    ($name:expr, $help:expr $(,)?) => {
        $crate::instrument::Static::new($name, $help, $crate::instrument::Gauge::new)
    };
    ($name:expr, $help:expr, [$($label:expr),+ $(,)?] $(,)?) => {
        $crate::instrument::Static::new($name, $help, || {
            $crate::instrument::Family::new([$($label),+], $crate::instrument::Gauge::new)
        })
    };
}

/// A [`Static`](crate::instrument::Static) histogram with the usual buckets or these, or a family of such histograms.
///
/// Bounds that do not rise are refused by the compiler:
///
/// ```compile_fail
/// use metrics_core::instrument::{Histogram, Static};
/// static SIZES: Static<Histogram> = metrics_core::histogram!("sizes", "Sizes.", buckets = [2.0, 1.0]);
/// ```
///
/// ```
/// use metrics_core::instrument::{Family, Histogram, Static};
/// static WAITS: Static<Family<[&str; 1], Histogram>> =
///     metrics_core::histogram!("waits_seconds", "Waits.", ["queue"], buckets = [0.1, 1.0]);
/// WAITS.observe(["mail"], 0.5);
/// assert_eq!(WAITS.get(["mail"]).buckets().map(|b| b.bounds().to_vec()), Some(vec![0.1, 1.0]));
/// ```
#[macro_export]
macro_rules! histogram {
    ($name:expr, $help:expr $(,)?) => {
        $crate::instrument::Static::new($name, $help, $crate::instrument::Histogram::default)
    };
    ($name:expr, $help:expr, buckets = [$($bound:expr),+ $(,)?] $(,)?) => {
        $crate::instrument::Static::new($name, $help, || {
            const BOUNDS: &[f64] = $crate::instrument::Buckets::rising(&[$($bound),+]);
            $crate::instrument::Histogram::new($crate::instrument::Buckets::from_rising(BOUNDS))
        })
    };
    ($name:expr, $help:expr, [$($label:expr),+ $(,)?], buckets = [$($bound:expr),+ $(,)?] $(,)?) => {
        $crate::instrument::Static::new($name, $help, || {
            const BOUNDS: &[f64] = $crate::instrument::Buckets::rising(&[$($bound),+]);
            let buckets = $crate::instrument::Buckets::from_rising(BOUNDS);
            $crate::instrument::Family::new([$($label),+], move || {
                $crate::instrument::Histogram::new(buckets.clone())
            })
        })
    };
}

impl<M> fmt::Debug for Static<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Static").field("name", &self.name).finish_non_exhaustive()
    }
}
