//! What the times at which counting began tell about counter resets.

use metrics_core::Timestamp;

/// Whether counting began anew between two samples.
///
/// A start of zero is unknown; one at or behind its own sample is not believed. A start exactly at the sample
/// before means a reset for a series of differences, but not where the earlier start was unknown itself.
pub(super) fn is_reset(
    start_before: Timestamp,
    time_before: Timestamp,
    start: Timestamp,
    time: Timestamp,
) -> bool {
    if start == 0 || start >= time || start < time_before {
        return false;
    }
    start > time_before || (start_before < time_before && start_before != 0)
}

/// Whether a sample claims to count from a time that the one before already covers, without sharing its start.
pub(super) fn overlaps(start_before: Timestamp, time_before: Timestamp, start: Timestamp) -> bool {
    start != 0 && start < time_before && start != start_before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_between_two_samples_is_a_reset() {
        assert!(is_reset(10, 100, 150, 200));
        assert!(!is_reset(10, 100, 10, 200));
        assert!(!is_reset(10, 100, 0, 200));
        assert!(!is_reset(10, 100, 200, 200));
        assert!(is_reset(10, 100, 100, 200), "differences");
        assert!(!is_reset(0, 100, 100, 200) && !is_reset(100, 100, 100, 200), "unknown start");
        assert!(overlaps(10, 100, 50) && !overlaps(50, 100, 50) && !overlaps(10, 100, 100));
    }
}
