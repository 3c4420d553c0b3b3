//! Instruments made from a declaration, as `derive(Metrics)` writes them.

use std::time::Duration;

use super::family::Family;
use super::labels::NamedLabels;
use super::source::Source;
use super::{BucketError, Buckets, Counter, Gauge, Histogram, Instrument, Native, Summary};

/// How an instrument is to be made; each kind takes what concerns it.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    buckets: Option<Vec<f64>>,
    native: Option<Native>,
    max_members: Option<usize>,
    expire_after: Option<Duration>,
}

impl Shape {
    /// Upper bounds of a histogram's classic buckets.
    #[must_use]
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.buckets = Some(bounds.into_iter().collect());
        self
    }

    /// Native buckets of a histogram.
    #[must_use]
    pub fn native(mut self, native: Native) -> Self {
        self.native = Some(native);
        self
    }

    /// How many members a family may have.
    #[must_use]
    pub fn max_members(mut self, members: usize) -> Self {
        self.max_members = Some(members);
        self
    }

    /// How long members of a family are shown that do not change.
    #[must_use]
    pub fn expire_after(mut self, idle: Duration) -> Self {
        self.expire_after = Some(idle);
        self
    }
}

/// What can be made from a [`Shape`].
pub trait Declare: Source {
    /// Makes one.
    ///
    /// # Errors
    /// [`BucketError`] if the shape has bucket bounds that do not rise.
    fn declare(shape: &Shape) -> Result<Self, BucketError>;
}

impl Declare for Counter {
    fn declare(_: &Shape) -> Result<Self, BucketError> {
        Ok(Self::new())
    }
}

impl Declare for Gauge {
    fn declare(_: &Shape) -> Result<Self, BucketError> {
        Ok(Self::new())
    }
}

impl Declare for Summary {
    fn declare(_: &Shape) -> Result<Self, BucketError> {
        Ok(Self::new())
    }
}

impl Declare for Histogram {
    /// Classic buckets are the usual ones where the shape names neither kind.
    fn declare(shape: &Shape) -> Result<Self, BucketError> {
        let buckets = shape.buckets.clone().map(Buckets::new).transpose()?;
        Ok(match (buckets, shape.native) {
            (Some(buckets), Some(native)) => Self::with_native(buckets, native),
            (Some(buckets), None) => Self::new(buckets),
            (None, Some(native)) => Self::native(native),
            (None, None) => Self::default(),
        })
    }
}

impl<L: NamedLabels, M: Instrument + Declare> Declare for Family<L, M> {
    fn declare(shape: &Shape) -> Result<Self, BucketError> {
        // Made once here, so that a wrong shape is found before the first member is.
        let pattern = M::declare(shape)?;
        let of_members = shape.clone();
        let mut family = Self::typed(move || M::declare(&of_members).unwrap_or_else(|_| pattern.clone()));
        if let Some(members) = shape.max_members {
            family = family.max_members(members);
        }
        if let Some(idle) = shape.expire_after {
            family = family.expire_after(idle);
        }
        Ok(family)
    }
}
