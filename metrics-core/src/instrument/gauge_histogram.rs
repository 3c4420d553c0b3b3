//! How what is there now is distributed.

use std::sync::{Arc, Mutex, PoisonError};

use super::Instrument;
use super::buckets::Buckets;
use crate::MetricType;
use crate::family::{Bucket, HistogramValue, MetricValue};

/// How the things that are there at this moment are distributed: ages of queued jobs, sizes of open files.
///
/// ```
/// use metrics_core::instrument::{Buckets, GaugeHistogram};
/// let ages = GaugeHistogram::new(Buckets::new([1.0, 60.0])?);
/// ages.replace([0.5, 12.0, 13.0, 700.0]);
/// ages.replace([14.0, 701.0]); // two are done, the others have aged
/// assert_eq!(ages.counts(), [0, 1, 1]);
/// # Ok::<(), metrics_core::instrument::BucketError>(())
/// ```
#[derive(Debug, Clone)]
pub struct GaugeHistogram(Arc<Core>);

#[derive(Debug)]
struct Core {
    buckets: Buckets,
    now: Mutex<(Vec<u64>, f64)>,
}

impl GaugeHistogram {
    /// A distribution of nothing.
    pub fn new(buckets: Buckets) -> Self {
        let now = Mutex::new((vec![0; buckets.count()], 0.0));
        Self(Arc::new(Core { buckets, now }))
    }

    /// Replaces the distribution by that of these values.
    pub fn replace(&self, values: impl IntoIterator<Item = f64>) {
        let (mut counts, mut sum) = (vec![0; self.0.buckets.count()], 0.0);
        for value in values {
            counts[self.0.buckets.index(value)] += 1;
            sum += value;
        }
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner) = (counts, sum);
    }

    /// Values per bucket, not cumulative; the last bucket goes up to +Inf.
    pub fn counts(&self) -> Vec<u64> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

impl Instrument for GaugeHistogram {
    const TYPE: MetricType = MetricType::GaugeHistogram;

    fn read(&self) -> MetricValue {
        let (counts, sum) = self.0.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let buckets = Bucket::cumulate(self.0.buckets.bounds(), &counts);
        let count = counts.iter().sum::<u64>() as f64;
        MetricValue::Histogram(HistogramValue { buckets, sum, count, ..HistogramValue::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_cumulative_buckets() {
        let h = GaugeHistogram::new(Buckets::new([1.0]).unwrap());
        h.replace([0.5, 1.0, 3.0]);
        let MetricValue::Histogram(shown) = h.read() else { panic!("a histogram") };
        let pairs: Vec<_> = shown.buckets.iter().map(|b| (b.upper_bound, b.cumulative_count)).collect();
        assert_eq!(pairs, [(1.0, 2.0), (f64::INFINITY, 3.0)]);
        assert_eq!((shown.sum, shown.count), (4.5, 3.0));
    }
}
