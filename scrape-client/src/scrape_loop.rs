//! The timer around a scraper: fetch, append, wait for the next turn; staleness markers when it ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics_core::{Append, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::http::Fetch;
use crate::scrape::{ScrapeError, Scraper, SeriesCache};
use crate::status::TargetState;

/// How far a scrape's time may be from its turn and still be written as the turn: evenly spaced times take
/// far less room in a store.
const TOLERANCE: Duration = Duration::from_millis(2);

/// Why a loop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stop {
    /// It does not.
    #[default]
    No,
    /// The target is gone: mark its series stale once it is sure that nobody else scrapes it.
    Gone,
    /// Another loop takes over, with this one's memory.
    Replaced,
}

/// More targets than the job's limit allows: how many there are, and the limit.
pub(crate) type TooMany = Option<(usize, u64)>;

/// Pages that have been read, for the memory that they hold.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    fn take(&self) -> Vec<u8> {
        self.0.lock().pop().unwrap_or_default()
    }

    fn give(&self, buffer: Vec<u8>) {
        const KEPT: usize = 16;
        const LARGEST: usize = 1 << 24;
        let mut buffers = self.0.lock();
        if buffers.len() < KEPT && buffer.capacity() <= LARGEST {
            buffers.push(buffer);
        }
    }
}

/// A loop before it runs.
pub(crate) struct ScrapeLoop {
    pub(crate) scraper: Scraper,
    pub(crate) fetch: Arc<dyn Fetch>,
    pub(crate) store: Arc<dyn Append>,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) state: Arc<TargetState>,
    pub(crate) too_many: Arc<Mutex<TooMany>>,
    pub(crate) stop: watch::Receiver<Stop>,
    /// The whole manager stops: end at once, without markers.
    pub(crate) shutdown: watch::Receiver<bool>,
    pub(crate) seed: u64,
}

impl ScrapeLoop {
    /// Scrapes until stopped. Answers with the memory of the page.
    pub(crate) async fn run(mut self) -> SeriesCache {
        let interval = self.state.target.interval;
        let mut turn = Instant::now() + self.state.target.offset(since_epoch(), self.seed);
        // The last turn by the wall clock, once scraping has begun.
        let mut aligned: Option<Duration> = None;
        loop {
            match self.wait_until(turn).await {
                Some(Stop::No) => {}
                Some(Stop::Gone) if aligned.is_some() => {
                    self.end(turn, interval).await;
                    break;
                }
                _ => break,
            }
            let now = since_epoch();
            let time = align(now, aligned.get_or_insert(now), interval);
            let mut shutdown = self.shutdown.clone();
            tokio::select! {
                () = self.scrape(time) => {}
                () = stopping(&mut shutdown) => break,
            }
            turn += interval;
            // Turns that a slow scrape has missed are left out.
            let late = Instant::now();
            while turn <= late {
                turn += interval;
            }
        }
        self.scraper.into_cache()
    }

    /// Waits for a moment (`Stop::No`) or for the loop's end; `None` if the manager stops.
    async fn wait_until(&mut self, moment: Instant) -> Option<Stop> {
        tokio::select! {
            biased;
            () = stopping(&mut self.shutdown) => None,
            stop = self.stop.wait_for(|stop| *stop != Stop::No) => stop.ok().map(|s| *s),
            () = tokio::time::sleep_until(moment) => Some(Stop::No),
        }
    }

    async fn scrape(&mut self, time: Timestamp) {
        let (wall, started) = (SystemTime::now(), Instant::now());
        let target = &self.state.target;
        let too_many = *self.too_many.lock();
        let fetched = match too_many {
            Some((targets, limit)) => Err(ScrapeError::TargetLimit { targets, limit }),
            None => {
                let body = self.buffers.take();
                self.fetch.fetch(&target.url, target.timeout, body).await.map_err(ScrapeError::Fetch)
            }
        };
        let elapsed = || started.elapsed();
        let error = match fetched {
            Ok(page) => {
                let (_, error) = self.scraper.append(&*self.store, time, Ok(&page), &elapsed);
                self.buffers.give(page.body);
                error
            }
            Err(error) => self.scraper.append(&*self.store, time, Err(error), &elapsed).1,
        };
        if let Some(error) = &error {
            tracing::debug!(component = "scrape manager", target = %target.url, err = %error, "Scrape failed");
        }
        self.state.record(wall, elapsed(), error.map(|e| e.to_string()));
    }

    /// Marks everything stale with the time of the scrape that would have been next, after the one that would
    /// have followed: had the target come back, its samples would be there by now.
    async fn end(&mut self, turn: Instant, interval: Duration) {
        let wait = turn.saturating_duration_since(Instant::now());
        let time = millis(since_epoch() + wait);
        tokio::select! {
            () = stopping(&mut self.shutdown) => {}
            () = tokio::time::sleep_until(turn + interval + interval / 10) => {
                self.scraper.append_end(&*self.store, time);
            }
        }
    }
}

/// Waits until the manager stops.
pub(crate) async fn stopping(shutdown: &mut watch::Receiver<bool>) {
    drop(shutdown.wait_for(|down| *down).await);
}

/// The time to write for a scrape: its turn's if it is close to it.
fn align(now: Duration, aligned: &mut Duration, interval: Duration) -> Timestamp {
    while now.saturating_sub(*aligned) >= interval {
        *aligned += interval;
    }
    let near = now.saturating_sub(*aligned) <= TOLERANCE.min(interval / 100);
    millis(if near { *aligned } else { now })
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn millis(since_epoch: Duration) -> Timestamp {
    Timestamp::try_from(since_epoch.as_millis()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_close_to_a_turn_are_the_turn() {
        let ms = Duration::from_millis;
        let mut aligned = ms(1_000_000);
        assert_eq!(align(ms(1_000_000), &mut aligned, ms(1000)), 1_000_000);
        assert_eq!(align(ms(1_001_002), &mut aligned, ms(1000)), 1_001_000);
        assert_eq!(align(ms(1_002_003), &mut aligned, ms(1000)), 1_002_003);
        assert_eq!(align(ms(1_007_001), &mut aligned, ms(1000)), 1_007_000);
        // At most a hundredth of the interval.
        let mut aligned = ms(1_000_000);
        assert_eq!(align(ms(1_000_102), &mut aligned, ms(100)), 1_000_102);
    }
}
