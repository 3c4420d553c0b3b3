//! The host's clock, its time zone, and the hardware that drives the clock.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::proc_files::{numbered, read_trimmed};
use super::spec::Default;
use super::{Collector, NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::new("time", Default::On, &[], |settings| {
    Ok(Box::new(Time { roots: settings.roots.clone(), zone: TimeZone::system() }))
});

#[derive(Debug)]
struct Time {
    roots: Roots,
    zone: TimeZone,
}

impl Collector for Time {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let now = Timestamp::now();
        let seconds = now.as_nanosecond() as f64 / 1e9;
        page.gauge("node_time_seconds", "System time in seconds since epoch (1970).", &[], seconds);
        let zone = self.zone.to_offset_info(now);
        page.gauge(
            "node_time_zone_offset_seconds",
            "System time zone offset in seconds.",
            &[("time_zone", zone.abbreviation())],
            f64::from(zone.offset().seconds()),
        );
        self.update_clock_sources(page)
    }
}

impl Time {
    fn update_clock_sources(&self, page: &mut Page) -> Result<(), NodeError> {
        let directory = self.roots.sys("devices/system/clocksource");
        for (index, source) in numbered(&directory, "clocksource")?.iter().enumerate() {
            let device = index.to_string();
            let available = read_trimmed(&directory.join(source).join("available_clocksource"))?;
            let current = read_trimmed(&directory.join(source).join("current_clocksource"))?;
            for name in available.split_ascii_whitespace() {
                page.gauge(
                    "node_time_clocksource_available_info",
                    "Available clocksources read from '/sys/devices/system/clocksource'.",
                    &[("device", &device), ("clocksource", name)],
                    1.0,
                );
            }
            page.gauge(
                "node_time_clocksource_current_info",
                "Current clocksource read from '/sys/devices/system/clocksource'.",
                &[("device", &device), ("clocksource", &current)],
                1.0,
            );
        }
        Ok(())
    }
}
