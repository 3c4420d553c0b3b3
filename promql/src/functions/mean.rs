//! Running means that neither lose digits nor overflow.

use metrics_core::histogram::{Combined, CompensatedHistogram, IncompatibleBuckets};
use metrics_core::{FloatHistogram, kahan_add};

/// The mean of floats: a compensated sum divided at the end; where the sum would overflow, a mean that is
/// updated with each value from there on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mean {
    /// The sum, or the mean once `incremental`.
    value: f64,
    compensation: f64,
    count: f64,
    incremental: bool,
}

impl Mean {
    pub(crate) fn new(first: f64) -> Self {
        Self { value: first, compensation: 0.0, count: 1.0, incremental: false }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let (sum, c) = kahan_add(value, self.value, self.compensation);
            if !sum.is_infinite() {
                (self.value, self.compensation) = (sum, c);
                return;
            }
            self.incremental = true;
            self.value /= self.count - 1.0;
            self.compensation /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        (self.value, self.compensation) =
            kahan_add(value / self.count, share * self.value, share * self.compensation);
    }

    pub(crate) fn total(&self) -> f64 {
        if self.incremental {
            return self.value + self.compensation;
        }
        self.value / self.count + self.compensation / self.count
    }
}

/// The mean of histograms, in the way of [`Mean`].
#[derive(Debug, Clone)]
pub(crate) struct HistogramMean {
    value: CompensatedHistogram,
    count: f64,
    incremental: bool,
}

impl HistogramMean {
    pub(crate) fn new(first: FloatHistogram) -> Self {
        Self { value: CompensatedHistogram::new(first), count: 1.0, incremental: false }
    }

    pub(crate) fn add(&mut self, histogram: &FloatHistogram) -> Result<Combined, IncompatibleBuckets> {
        self.count += 1.0;
        let mut seen = Combined::default();
        if !self.incremental {
            let mut sum = self.value.clone();
            seen = sum.add(histogram)?;
            if !sum.has_overflow() {
                self.value = sum;
                return Ok(seen);
            }
            self.incremental = true;
            self.value.divide(self.count - 1.0);
        }
        self.value.scale((self.count - 1.0) / self.count);
        let mut share = histogram.clone();
        share.divide(self.count);
        let more = self.value.add(&share)?;
        seen.bounds_reconciled |= more.bounds_reconciled;
        Ok(seen)
    }

    pub(crate) fn into_total(mut self) -> FloatHistogram {
        if !self.incremental {
            self.value.divide(self.count);
        }
        self.value.into_total()
    }
}
