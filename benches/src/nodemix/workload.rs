//! The workload: hosts that expose counters, buckets, gauges, constants and noise, the same bits on every machine.

use std::num::Wrapping;

use metrics_core::LabelSet;

/// Time of the first scrape in milliseconds; a multiple of two hours, and of a day.
pub const START: i64 = 1_700_006_400_000;
/// Milliseconds between scrapes.
pub const STEP: i64 = 15_000;

const MODES: [&str; 8] = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
const BOUNDS: [&str; 12] =
    ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];

/// A counter that is mixed into random bits.
#[derive(Debug, Clone)]
struct Random(Wrapping<u64>);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 += 0x9E37_79B9_7F4A_7C15;
        mix(self.0.0)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// How values move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Rises by a random number below the modulus.
    Counter { modulus: u64 },
    /// A counter shared by twelve buckets, of which this one has so many twelfths.
    Bucket { twelfths: u64 },
    /// Hundredths that wander.
    Gauge,
    /// Never changes.
    Constant,
    /// All bits random.
    Noise,
}

/// One series, and what it will say next.
#[derive(Debug, Clone)]
pub struct Series {
    host: usize,
    number: usize,
    /// Number among the series of its metric.
    index: usize,
    per_host: usize,
    kind: Kind,
    random: Random,
    state: u64,
}

impl Series {
    /// Series `number` of a host with `per_host` series, a multiple of 100.
    pub fn new(host: usize, number: usize, per_host: usize) -> Self {
        let unit = per_host / 100;
        let id = (host * per_host + number) as u64;
        // How the series of a host are shared out among metrics, in hundredths.
        let (kind, index, seed) = if number < 40 * unit {
            (Kind::Counter { modulus: 0 }, number, id)
        } else if number < 52 * unit {
            let index = number - 40 * unit;
            // The buckets of one histogram draw the same numbers.
            (Kind::Bucket { twelfths: (index % 12) as u64 + 1 }, index, id - (index % 12) as u64)
        } else if number < 70 * unit {
            (Kind::Counter { modulus: 0 }, number - 52 * unit, id)
        } else if number < 85 * unit {
            (Kind::Gauge, number - 70 * unit, id)
        } else if number < 95 * unit {
            (Kind::Constant, number - 85 * unit, id)
        } else {
            (Kind::Noise, number - 95 * unit, id)
        };
        let mut random = Random(Wrapping(mix(seed.wrapping_add(0x123_4567))));
        let (kind, state) = match kind {
            Kind::Counter { .. } => {
                let state = random.below(1_000_000);
                let rate = 10u64.pow(random.below(5) as u32);
                (Kind::Counter { modulus: 2 * rate + 1 }, state)
            }
            Kind::Bucket { .. } | Kind::Gauge => (kind, random.below(1_000_000)),
            Kind::Constant => (kind, random.below(1_000_000_000)),
            Kind::Noise => (kind, 0),
        };
        Self { host, number, index, per_host, kind, random, state }
    }

    /// The series' labels.
    pub fn labels(&self) -> LabelSet {
        let unit = self.per_host / 100;
        let index = self.index;
        let (name, a, b) = if self.number < 40 * unit {
            let cpu = ("cpu", (index / 8).to_string());
            ("node_cpu_seconds_total", cpu, ("mode", MODES[index % 8].to_owned()))
        } else if self.number < 52 * unit {
            let handler = ("handler", format!("/api/v1/h{}", index / 12));
            ("http_request_duration_seconds_bucket", handler, ("le", BOUNDS[index % 12].to_owned()))
        } else if self.number < 70 * unit {
            let direction = if index % 2 == 1 { "tx" } else { "rx" };
            let device = ("device", format!("eth{}", index / 2));
            ("node_network_bytes_total", device, ("direction", direction.to_owned()))
        } else if self.number < 85 * unit {
            ("node_memory_usage", ("kind", "mem".to_owned()), ("zone", format!("z{index}")))
        } else if self.number < 95 * unit {
            let device = ("device", format!("/dev/sd{index}"));
            ("node_filesystem_size_bytes", device, ("fstype", "ext4".to_owned()))
        } else {
            ("node_load_exact", ("id", index.to_string()), ("kind", "exact".to_owned()))
        };
        let host = format!("host-{}", self.host);
        let mut pairs = [
            ("__name__", name),
            ("cluster", "prod-1"),
            ("env", "production"),
            ("instance", &host),
            ("job", "node"),
            ("region", "eu-west-1"),
            (a.0, &a.1),
            (b.0, &b.1),
        ];
        // As the Go program does, whose sets want sorted labels as well.
        pairs.sort_unstable_by_key(|(name, _)| *name);
        LabelSet::from_sorted(pairs)
    }

    /// The value of the next scrape.
    pub fn next_value(&mut self) -> f64 {
        let state = self.state;
        match self.kind {
            Kind::Counter { modulus } => {
                self.state += self.random.below(modulus);
                state as f64
            }
            Kind::Bucket { twelfths } => {
                self.state += self.random.below(201);
                (state * twelfths / 12) as f64
            }
            Kind::Gauge => {
                let moved = state as i64 + self.random.below(201) as i64 - 100;
                self.state = moved.unsigned_abs();
                state as f64 / 100.0
            }
            Kind::Constant => state as f64,
            Kind::Noise => (self.random.next() >> 11) as f64 * (100.0 / 9_007_199_254_740_992.0),
        }
    }
}

/// When a host is scraped for the `scrape`th time; hosts are spread over the interval.
pub fn timestamp(host: usize, scrape: usize) -> i64 {
    START + (host as i64 * 137) % STEP + scrape as i64 * STEP
}

/// All series of all hosts, host by host.
pub fn all(hosts: usize, per_host: usize) -> Vec<Vec<Series>> {
    let host = |h| (0..per_host).map(|k| Series::new(h, k, per_host)).collect();
    (0..hosts).map(host).collect()
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
