//! How many requests are answered in a time.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::document::RateLimitSection;

/// A bucket of `burst` tokens that gains one per interval; each request takes one.
#[derive(Debug)]
pub(super) struct RateLimit {
    interval: Duration,
    burst: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl RateLimit {
    /// Nothing if the interval is zero: then there is no limit.
    pub(super) fn new(section: &RateLimitSection) -> Option<Self> {
        let burst = f64::from(section.burst);
        let bucket = Bucket { tokens: burst, filled: Instant::now() };
        (!section.interval.is_zero()).then(|| Self {
            interval: section.interval,
            burst,
            bucket: Mutex::new(bucket),
        })
    }

    /// Whether one more request may be answered at this time.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock();
        let gained = now.saturating_duration_since(bucket.filled).as_secs_f64() / self.interval.as_secs_f64();
        bucket.tokens = (bucket.tokens + gained).min(self.burst);
        bucket.filled = bucket.filled.max(now);
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_per_interval() {
        let limit = RateLimit::new(&RateLimitSection { interval: Duration::from_secs(1), burst: 2 }).unwrap();
        let start = Instant::now();
        let at = |ms| limit.allows(start + Duration::from_millis(ms));
        let answers = [0, 0, 0, 500, 1100, 1200, 9000, 9000, 9000].map(at);
        assert_eq!(answers, [true, true, false, false, true, false, true, true, false]);
    }

    #[test]
    fn no_interval_is_no_limit_and_no_burst_no_request() {
        assert!(RateLimit::new(&RateLimitSection::default()).is_none());
        let none = RateLimit::new(&RateLimitSection { interval: Duration::from_secs(1), burst: 0 }).unwrap();
        assert!(!none.allows(Instant::now() + Duration::from_secs(60)));
    }
}
