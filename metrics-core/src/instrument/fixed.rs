//! Instruments in statics.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use super::{Counter, Desc, Gauge, Instrument, RegisterError, Registry};

/// An instrument in a `static`, made at first use, with its description beside it.
///
/// For code that has no place to keep handles, such as libraries deep below `main`. It counts from the start; a
/// registry shows it once it is told to.
///
/// ```
/// use metrics_core::instrument::{Counter, Registry, Static};
///
/// static BOOTS: Static<Counter> = Static::counter("shop_boots", "Starts.");
///
/// BOOTS.inc();
/// let registry = Registry::new();
/// BOOTS.register(&registry)?;
/// assert_eq!(registry.gather().families[0].name, "shop_boots_total");
/// # Ok::<(), metrics_core::instrument::RegisterError>(())
/// ```
pub struct Static<M> {
    name: &'static str,
    help: &'static str,
    make: fn() -> M,
    instrument: OnceLock<M>,
}

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
    /// Any instrument, made by `make` at first use.
    pub const fn new(name: &'static str, help: &'static str, make: fn() -> M) -> Self {
        Self { name, help, make, instrument: OnceLock::new() }
    }
}

impl<M: Instrument> Static<M> {
    /// Shows it through a registry, or through several.
    ///
    /// # Errors
    /// [`RegisterError`] if the name is not valid or taken.
    pub fn register(&'static self, registry: &Registry) -> Result<(), RegisterError> {
        registry.register(Desc::new(self.name, self.help), (**self).clone())
    }
}

impl<M> Deref for Static<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        self.instrument.get_or_init(self.make)
    }
}

impl<M> fmt::Debug for Static<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Static").field("name", &self.name).finish_non_exhaustive()
    }
}
