//! Readers see whole commits: which of a series' samples a reader may see.
//!
//! A reader marks a point between two commits and then notes, series by series and without holding writers
//! up, how many samples each had. A commit that runs meanwhile first leaves the old number of every series
//! that it touches with all readers that are still noting.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::out_of_order::LateSeries;

/// A reader that is noting.
#[derive(Debug, Default)]
pub(super) struct Capture {
    before: Mutex<HashMap<u32, u32>>,
    late_before: Mutex<HashMap<LatePlace, Option<Arc<LateSeries>>>>,
}

/// Late samples of a series: their generation and the series' slot.
pub(super) type LatePlace = (u64, u32);

impl Capture {
    /// Samples that a series had at the marked point; `now` is what it has, with its page locked.
    pub(super) fn taken_at_mark(&self, slot: u32, now: u32) -> u32 {
        self.before.lock().get(&slot).copied().unwrap_or(now)
    }

    /// Late samples that a series had at the marked point; `now` is what it has, with all late samples locked.
    pub(super) fn late_at_mark(
        &self,
        place: LatePlace,
        now: Option<&Arc<LateSeries>>,
    ) -> Option<Arc<LateSeries>> {
        self.late_before.lock().get(&place).cloned().unwrap_or_else(|| now.cloned())
    }
}

/// All readers that are noting.
#[derive(Debug, Default)]
pub(super) struct Captures(Mutex<Vec<Arc<Capture>>>);

impl Captures {
    /// Marks a point; the caller keeps commits out meanwhile.
    pub(super) fn begin(&self) -> Arc<Capture> {
        let capture = Arc::new(Capture::default());
        self.0.lock().push(capture.clone());
        capture
    }

    /// Ends what [`Captures::begin`] began.
    pub(super) fn end(&self, capture: &Arc<Capture>) {
        self.0.lock().retain(|c| !Arc::ptr_eq(c, capture));
    }

    /// The readers that a commit has to leave numbers with. Asked once per commit: none can begin during it.
    pub(super) fn active(&self) -> Vec<Arc<Capture>> {
        self.0.lock().clone()
    }
}

/// Leaves the number of samples that a series has before it is changed, its page locked.
pub(super) fn leave_count(captures: &[Arc<Capture>], slot: u32, taken: u32) {
    for capture in captures {
        capture.before.lock().entry(slot).or_insert(taken);
    }
}

/// Leaves the late samples that a series has before they are changed.
pub(super) fn leave_late(captures: &[Arc<Capture>], place: LatePlace, before: Option<&Arc<LateSeries>>) {
    for capture in captures {
        capture.late_before.lock().entry(place).or_insert_with(|| before.cloned());
    }
}
