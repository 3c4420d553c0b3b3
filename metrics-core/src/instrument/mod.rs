//! Instruments: what a program counts, measures and times, and the registry that shows it.
//!
//! Instruments are handles: clone them freely, keep them in your structs, use them from any thread. None of them
//! holds a lock or reads a clock. A [`Family`] has one instrument per set of labels. A [`Registry`] gives them names
//! and turns all into [`MetricFamily`](crate::family::MetricFamily)s for a page; a collector ([`Collect`]) adds families
//! that are made up at the moment of the scrape.
//!
//! # What a thread costs
//! Up to 64 threads at once write numbers that no other thread writes, so that they never wait for each other; what a
//! thread has counted stays when it ends, and the next thread goes on with the same numbers. Further threads share some.
//! - The first thread that uses a counter costs nothing. Where several count, each takes 128 bytes for a counter of its own
//!   and 10 bytes for every member of a family (in blocks of 64 members), besides some 300 bytes once for the counter or block.
//! - A histogram takes 8 bytes per classic bucket and some 100 more for each thread that observes, 2 kB more if it has native
//!   buckets.
//! - For look-ups by text a thread remembers up to 4,096 members, 136 bytes each.
//!
//! Gauges, summaries, states and what is not whole of a counter are shared by all threads.
//!
//! ```
//! use metrics_core::instrument::{Buckets, Registry};
//!
//! let registry = Registry::new();
//! let shop = registry.with_prefix("shop");
//! let orders = shop.counter_family("orders", "Orders taken.", ["country"])?;
//! let basket = shop.histogram("basket_items", "Items per order.", Buckets::new([1.0, 5.0, 20.0])?)?;
//!
//! orders.get(["fr"]).inc();
//! basket.observe(3.0);
//!
//! let page = registry.gather();
//! let names: Vec<_> = page.families.iter().map(|f| f.name.as_str()).collect();
//! assert_eq!(names, ["shop_basket_items", "shop_orders_total"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// One instrument per file.
mod buckets;
mod counter;
mod function;
mod gauge;
mod gauge_histogram;
mod histogram;
mod info;
mod slot;
mod state_set;
mod summary;
mod totals;

// Many of them under one name.
mod family;
mod labels;

// What shows them.
mod collect;
mod declare;
mod error;
mod fixed;
mod gather;
mod gatherer;
mod lint;
mod registry;
mod samples;
mod source;
#[cfg(test)]
mod tests;

pub use buckets::{BucketError, Buckets};
pub use collect::{Collect, CollectError};
pub use counter::Counter;
pub use declare::{Declare, Shape};
pub use error::{Problem, RegisterError};
pub use family::Family;
#[doc(hidden)]
pub use family::Kept;
pub use fixed::Static;
pub use function::{CounterFn, GaugeFn};
pub use gather::{GatherError, Gathered, Outline};
pub use gatherer::Gatherer;
pub use gauge::Gauge;
pub use gauge_histogram::GaugeHistogram;
pub use histogram::{Histogram, Native, Snapshot};
pub use info::Info;
pub use labels::{LabelLimit, LabelValue, LabelValues, Labels, NamedLabels};
pub use lint::{Finding, Rule, Unit, lint};
pub use registry::Registry;
pub use source::{Clock, Desc, Source};
pub use state_set::StateSet;
pub use summary::Summary;

#[cfg(feature = "derive")]
pub use metrics_derive::{Labels, Metrics};

use crate::MetricType;
use crate::family::MetricValue;

/// Something with a value that a scrape shows; a clone is another handle of the same thing.
pub trait Instrument: Clone + Send + Sync + 'static {
    /// The kind of metric that it is shown as.
    const TYPE: MetricType;

    /// What it shows at this moment.
    fn read(&self) -> MetricValue;

    /// Puts what it shows at this moment in the place of what it showed before: what [`Instrument::read`] returned.
    ///
    /// For instruments that can do it without allocating; others read anew.
    fn refresh(&self, value: &mut MetricValue) {
        *value = self.read();
    }

    /// Whether this is a new one that nobody has and nothing was done with, whose place one of a block can take.
    #[doc(hidden)]
    fn is_blank(&self) -> bool {
        false
    }

    /// The first of a block of new ones like this blank one, in less room than one by one: how families keep many.
    #[doc(hidden)]
    #[must_use]
    fn block(&self) -> Self {
        self.clone()
    }

    /// Another one of the block whose first one this is.
    #[doc(hidden)]
    #[must_use]
    fn neighbour(&self, _at: usize) -> Self {
        self.clone()
    }

    /// As threads remember it.
    #[doc(hidden)]
    fn keep(self) -> Kept {
        Kept::Other(Box::new(self))
    }

    /// What a thread has remembered, if it is of this type.
    #[doc(hidden)]
    fn kept(kept: &Kept) -> Option<&Self> {
        match kept {
            Kept::Other(any) => any.downcast_ref(),
            _ => None,
        }
    }
}

/// How many instruments a block has.
const BLOCK: usize = 64;
