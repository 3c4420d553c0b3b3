//! Time, memory and sizes of files.

use std::path::Path;
use std::time::Duration;

/// CPU time that this process has used in all threads.
pub(super) fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Resident memory of this process in bytes; 0 where the system does not say.
pub fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}

/// Bytes of the files below a directory.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) total: u64,
    pub(super) chunks: u64,
    pub(super) index: u64,
}

/// Sums up the files below a directory; what cannot be read counts as nothing.
pub(super) fn sizes(dir: &Path) -> Sizes {
    let mut sum = Sizes::default();
    let Ok(entries) = std::fs::read_dir(dir) else { return sum };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            let below = sizes(&path);
            sum.total += below.total;
            sum.index += below.index;
            let is_chunks = path.file_name().is_some_and(|name| name == "chunks");
            sum.chunks += if is_chunks { below.total } else { below.chunks };
        } else {
            let bytes = entry.metadata().map_or(0, |m| m.len());
            sum.total += bytes;
            if path.file_name().is_some_and(|name| name == "index") {
                sum.index += bytes;
            }
        }
    }
    sum
}

/// Bytes as megabytes.
pub(super) fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// A duration as milliseconds.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// The middle of some durations, which are sorted for it.
pub(super) fn median(durations: &mut [Duration]) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}
