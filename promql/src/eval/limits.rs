//! What a query may take: time, samples in memory, and the caller's patience.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::QueryError;

/// Stops a running query from another thread.
///
/// ```
/// use metrics_core::MemStore;
/// use promql::{Cancel, Engine, Options, QueryOptions};
/// let cancel = Cancel::default();
/// cancel.cancel();
/// let options = QueryOptions { cancel: Some(cancel), ..QueryOptions::default() };
/// let answer = Engine::new(Options::default()).instant_with(&MemStore::default(), "1 + 1", 0, &options);
/// assert_eq!(answer.unwrap_err().to_string(), "query was canceled in expression evaluation");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Stops the query at its next opportunity. There is no way back.
    pub fn cancel(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether the query is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Limits of one running query, and how far it has come.
#[derive(Debug)]
pub(crate) struct Limits {
    deadline: Option<Instant>,
    cancel: Cancel,
    max_samples: usize,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl Limits {
    pub(crate) fn new(max_samples: usize, timeout: Option<Duration>, cancel: Cancel) -> Self {
        Self {
            deadline: timeout.and_then(|t| Instant::now().checked_add(t)),
            cancel,
            max_samples,
            held: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        }
    }

    /// To be asked once per series or per step, whichever is rarer.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancel.is_cancelled() {
            return Err(QueryError::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() > deadline => Err(QueryError::Timeout),
            _ => Ok(()),
        }
    }

    /// Counts samples that are kept in memory until what is returned is dropped.
    pub(crate) fn hold(&self, samples: usize) -> Result<Held<'_>, QueryError> {
        let held = Held { limits: self, samples };
        let now = self.held.fetch_add(samples, Relaxed) + samples;
        if now > self.max_samples {
            return Err(QueryError::TooManySamples);
        }
        self.peak.fetch_max(now, Relaxed);
        Ok(held)
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }
}

/// Samples held in memory.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    limits: &'a Limits,
    samples: usize,
}

impl Held<'_> {
    /// Holds more.
    pub(crate) fn grow(&mut self, samples: usize) -> Result<(), QueryError> {
        let more = self.limits.hold(samples)?;
        std::mem::forget(more);
        self.samples += samples;
        Ok(())
    }
}

impl Held<'_> {
    /// Lets go of the samples and tells how many they were.
    pub(crate) fn release(mut self) -> usize {
        let samples = std::mem::take(&mut self.samples);
        self.limits.held.fetch_sub(samples, Relaxed);
        samples
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.limits.held.fetch_sub(self.samples, Relaxed);
    }
}
