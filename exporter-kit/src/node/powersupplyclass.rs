//! Batteries and chargers.

use std::fs;

use regex::Regex;

use super::filter::pattern;
use super::proc_files::{names, read_trimmed};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const IGNORED: OptionSpec = OptionSpec::text(
    "collector.powersupply.ignored-supplies",
    "^$",
    "Regexp of power supplies to ignore for powersupplyclass collector.",
);

pub(super) const SPEC: Spec = Spec::new("powersupplyclass", Default::On, &[IGNORED], |settings| {
    Ok(Box::new(PowerSupply { roots: settings.roots.clone(), ignored: pattern(settings, &IGNORED)? }))
});

#[derive(Debug)]
struct PowerSupply {
    roots: Roots,
    ignored: Option<Regex>,
}

/// Files with plain numbers, and the part of the metric's name.
const PLAIN: [(&str, &str); 10] = [
    ("authentic", "authentic"),
    ("calibrate", "calibrate"),
    ("capacity", "capacity"),
    ("capacity_alert_max", "capacity_alert_max"),
    ("capacity_alert_min", "capacity_alert_min"),
    ("cycle_count", "cyclecount"),
    ("online", "online"),
    ("present", "present"),
    ("time_to_empty_now", "time_to_empty_seconds"),
    ("time_to_full_now", "time_to_full_seconds"),
];

/// Files with millionths.
const MICRO: [(&str, &str); 31] = [
    ("current_boot", "current_boot"),
    ("current_max", "current_max"),
    ("current_now", "current_ampere"),
    ("energy_empty", "energy_empty"),
    ("energy_empty_design", "energy_empty_design"),
    ("energy_full", "energy_full"),
    ("energy_full_design", "energy_full_design"),
    ("energy_now", "energy_watthour"),
    ("voltage_boot", "voltage_boot"),
    ("voltage_max", "voltage_max"),
    ("voltage_max_design", "voltage_max_design"),
    ("voltage_min", "voltage_min"),
    ("voltage_min_design", "voltage_min_design"),
    ("voltage_now", "voltage_volt"),
    ("voltage_ocv", "voltage_ocv"),
    ("charge_control_limit", "charge_control_limit"),
    ("charge_control_limit_max", "charge_control_limit_max"),
    ("charge_counter", "charge_counter"),
    ("charge_empty", "charge_empty"),
    ("charge_empty_design", "charge_empty_design"),
    ("charge_full", "charge_full"),
    ("charge_full_design", "charge_full_design"),
    ("charge_now", "charge_ampere"),
    ("charge_term_current", "charge_term_current"),
    ("constant_charge_current", "constant_charge_current"),
    ("constant_charge_current_max", "constant_charge_current_max"),
    ("constant_charge_voltage", "constant_charge_voltage"),
    ("constant_charge_voltage_max", "constant_charge_voltage_max"),
    ("precharge_current", "precharge_current"),
    ("input_current_limit", "input_current_limit"),
    ("power_now", "power_watt"),
];

/// Files with tenths of a degree.
const TENTHS: [(&str, &str); 8] = [
    ("temp", "temp_celsius"),
    ("temp_alert_max", "temp_alert_max_celsius"),
    ("temp_alert_min", "temp_alert_min_celsius"),
    ("temp_ambient", "temp_ambient_celsius"),
    ("temp_ambient_max", "temp_ambient_max_celsius"),
    ("temp_ambient_min", "temp_ambient_min_celsius"),
    ("temp_max", "temp_max_celsius"),
    ("temp_min", "temp_min_celsius"),
];

/// Files with words, each a label of its own name.
const WORDS: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
    "scope",
];

impl Collector for PowerSupply {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let directory = self.roots.sys("class/power_supply");
        if !directory.is_dir() {
            return Err(NodeError::NoData { reason: "there is no power supply" });
        }
        for supply in names(&directory)? {
            let files = directory.join(&supply);
            if self.ignored.as_ref().is_some_and(|r| r.is_match(&supply)) || fs::read_dir(&files).is_err() {
                continue;
            }
            let read = |file: &str| read_trimmed(&files.join(file)).ok();
            let units = [(&PLAIN[..], 1.0), (&MICRO[..], 1e6), (&TENTHS[..], 10.0)];
            for (file, name, unit) in
                units.iter().flat_map(|(list, u)| list.iter().map(|(f, n)| (*f, *n, *u)))
            {
                let Some(value) = read(file).and_then(|text| text.parse::<i64>().ok()) else { continue };
                let help = format!("{name} value of /sys/class/power_supply/<power_supply>.");
                let labels = [("power_supply", supply.as_str())];
                page.gauge(&format!("node_power_supply_{name}"), &help, &labels, value as f64 / unit);
            }
            let words = WORDS.map(|file| (file, read(file).unwrap_or_default()));
            let mut labels = vec![("power_supply", supply.as_str())];
            labels
                .extend(words.iter().map(|(file, text)| (*file, text.as_str())).filter(|l| !l.1.is_empty()));
            let help = "info of /sys/class/power_supply/<power_supply>.";
            page.gauge("node_power_supply_info", help, &labels, 1.0);
        }
        Ok(())
    }
}
