//! Hardware sensors: temperatures, voltages, fans, power.
//!
//! A chip is a directory of files such as `temp1_crit`: a kind, the sensor's number, a property. The rules are those
//! of the kernel's `hwmon/sysfs-interface` document.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::filter::NameFilter;
use super::page::Desc;
use super::proc_files::{names, read, read_trimmed};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Settings, Spec};

const CHIP_INCLUDE: OptionSpec = OptionSpec::text(
    "collector.hwmon.chip-include",
    "",
    "Regexp of hwmon chip to include (mutually exclusive to chip-exclude).",
);
const CHIP_EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.hwmon.chip-exclude",
    "",
    "Regexp of hwmon chip to exclude (mutually exclusive to chip-include).",
);
const SENSOR_INCLUDE: OptionSpec = OptionSpec::text(
    "collector.hwmon.sensor-include",
    "",
    "Regexp of hwmon sensor to include (mutually exclusive to sensor-exclude).",
);
const SENSOR_EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.hwmon.sensor-exclude",
    "",
    "Regexp of hwmon sensor to exclude (mutually exclusive to sensor-include).",
);

pub(super) const SPEC: Spec = Spec::new(
    "hwmon",
    Default::On,
    &[CHIP_INCLUDE, CHIP_EXCLUDE, SENSOR_INCLUDE, SENSOR_EXCLUDE],
    |settings| Ok(Box::new(HwMon::new(settings)?)),
);

const CHIP: Desc = Desc::gauge("node_hwmon_chip_names", "Annotation metric for human-readable chip names");
const LABEL: Desc = Desc::gauge("node_hwmon_sensor_label", "Label for given chip and sensor");
const BEEP: Desc = Desc::gauge("node_hwmon_beep_enabled", "Hardware beep enabled");
const REGULATOR: Desc = Desc::gauge("node_hwmon_voltage_regulator_version", "Hardware voltage regulator");
const INTERVAL: Desc = Desc::gauge("node_hwmon_update_interval_seconds", "Hardware monitor update interval");

#[derive(Debug)]
struct HwMon {
    roots: Roots,
    chips: NameFilter,
    sensors: NameFilter,
}

impl HwMon {
    fn new(settings: &Settings) -> Result<Self, NodeError> {
        Ok(Self {
            roots: settings.roots.clone(),
            chips: NameFilter::new(settings, &CHIP_EXCLUDE, &CHIP_INCLUDE)?,
            sensors: NameFilter::new(settings, &SENSOR_EXCLUDE, &SENSOR_INCLUDE)?,
        })
    }
}

impl Collector for HwMon {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let directory = self.roots.sys("class/hwmon");
        if !directory.is_dir() {
            return Err(NodeError::NoData { reason: "there are no sensors" });
        }
        let mut chips: Vec<(String, String)> = Vec::new();
        for entry in names(&directory)?.into_iter().filter(|entry| directory.join(entry).is_dir()) {
            chips.push((stable_name(&directory.join(&entry)), entry));
        }
        for (stable, entry) in &chips {
            let files = directory.join(entry);
            let name = read_trimmed(&files.join("name")).map(|name| cleaned(&name)).unwrap_or_default();
            // Chips of one device share its name; what tells them apart is appended.
            let shared: Vec<_> = chips.iter().filter(|(other, _)| other == stable).collect();
            let twins = shared.iter().filter(|(_, other)| {
                read_trimmed(&directory.join(other).join("name")).is_ok_and(|n| cleaned(&n) == name)
            });
            let chip = match shared.len() {
                1 => stable.clone(),
                _ if name.is_empty() || twins.count() > 1 => format!("{stable}_{}", cleaned(entry)),
                _ => format!("{stable}_{name}"),
            };
            if !self.chips.ignores(&chip) {
                self.put_chip(page, &files, &chip, &name)?;
            }
        }
        Ok(())
    }
}

/// A sensor's files: text by property; the file without a property has the empty one.
type Properties = BTreeMap<String, String>;

impl HwMon {
    fn put_chip(&self, page: &mut Page, files: &Path, chip: &str, name: &str) -> Result<(), NodeError> {
        let mut sensors = BTreeMap::new();
        read_sensors(files, &mut sensors)?;
        // Old drivers put their files into the device's directory.
        if files.join("device").exists() {
            read_sensors(&files.join("device"), &mut sensors)?;
        }
        if !name.is_empty() {
            page.put(&CHIP, &[("chip", chip), ("chip_name", name)], 1.0);
        }
        for ((kind, number), properties) in &sensors {
            let sensor = format!("{kind}{number}");
            if !self.sensors.ignores(&format!("{chip};{sensor}")) {
                put_sensor(page, chip, kind, &sensor, properties);
            }
        }
        Ok(())
    }
}

const KINDS: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

fn read_sensors(
    directory: &Path,
    sensors: &mut BTreeMap<(String, u64), Properties>,
) -> Result<(), NodeError> {
    for file in names(directory)? {
        let Some((kind, number, property)) = parse_name(&file) else { continue };
        // A sensor may refuse to be read while it sleeps.
        if let Some(Ok(text)) = KINDS.contains(&kind).then(|| read(&directory.join(&file))) {
            let properties = sensors.entry((kind.to_owned(), number)).or_default();
            properties.insert(property.to_owned(), text.trim_matches('\n').to_owned());
        }
    }
    Ok(())
}

/// Kind, number and property of a file's name: `temp`, 1 and `crit` of `temp1_crit`.
fn parse_name(file: &str) -> Option<(&str, u64, &str)> {
    let Some(at) = file.find(|c: char| c.is_ascii_digit()) else { return Some((file, 0, "")) };
    let (kind, rest) = file.split_at(at);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, property) = rest.split_at(end);
    let property =
        if property.is_empty() { "" } else { property.strip_prefix('_').filter(|p| !p.is_empty())? };
    if kind.is_empty() { None } else { Some((kind, number.parse().ok()?, property)) }
}

fn put_sensor(page: &mut Page, chip: &str, kind: &str, sensor: &str, properties: &Properties) {
    let labels = [("chip", chip), ("sensor", sensor)];
    let plain = properties.get("").map_or("", String::as_str);
    if let Some(label) = properties.get("label") {
        page.put(&LABEL, &[labels[0], labels[1], ("label", label)], 1.0);
    }
    let number = plain.trim().parse::<f64>().ok();
    match (kind, number) {
        ("beep_enable", _) => page.put(&BEEP, &labels, f64::from(u8::from(plain == "1"))),
        ("vrm", Some(number)) => page.put(&REGULATOR, &labels, number),
        ("update_interval", Some(number)) => page.put(&INTERVAL, &labels, number * 0.001),
        ("vrm" | "update_interval", None) => {}
        _ => {
            for (property, text) in properties.iter().filter(|(property, _)| *property != "label") {
                let Ok(value) = text.parse::<f64>() else { continue };
                if kind == "freq" && property == "input" {
                    if let Some(label) = properties.get("label").map(|label| cleaned(label)) {
                        let help = "Hardware monitor for GPU frequency in MHz";
                        let labels = [labels[0], ("sensor", label.as_str())];
                        page.gauge("node_hwmon_freq_freq_mhz", help, &labels, value / 1_000_000.0);
                    }
                    continue;
                }
                put_property(page, kind, property, properties.contains_key(""), &labels, value);
            }
        }
    }
}

/// What a property's number measures: the end of the metric's name, the unit of one, and the help text.
fn put_property(
    page: &mut Page,
    kind: &str,
    property: &str,
    has_plain: bool,
    labels: &[(&str, &str)],
    value: f64,
) {
    let mut name = format!("node_hwmon_{kind}");
    // The input is the sensor's value, unless the file without property is.
    if property == "input" {
        name.push_str(if has_plain { "_input" } else { "" });
    } else if !property.is_empty() {
        name.push('_');
        name.push_str(&cleaned(property));
    }
    let (suffix, value, help) = match (kind, property) {
        (_, "fault" | "alarm") => ("", value, format!("Hardware sensor {property} status ({kind})")),
        (_, "beep") => ("_enabled", value, "Hardware monitor sensor has beeping enabled".to_owned()),
        ("in" | "cpu", _) => ("_volts", value * 0.001, format!("Hardware monitor for voltage ({property})")),
        ("temp", property) if property != "type" => {
            let property = if property.is_empty() { "input" } else { property };
            ("_celsius", value * 0.001, format!("Hardware monitor for temperature ({property})"))
        }
        ("curr", _) => ("_amps", value * 0.001, format!("Hardware monitor for current ({property})")),
        ("energy", _) => {
            let help = format!("Hardware monitor for joules used so far ({property})");
            return page.counter(&format!("{name}_joule_total"), &help, labels, value / 1_000_000.0);
        }
        ("power", "accuracy") => {
            ("", value / 1_000_000.0, "Hardware monitor power meter accuracy, as a ratio".to_owned())
        }
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
            ("_seconds", value * 0.001, format!("Hardware monitor power usage update interval ({property})"))
        }
        ("power", _) => {
            ("_watt", value / 1_000_000.0, format!("Hardware monitor for power usage in watts ({property})"))
        }
        ("humidity", _) => (
            "",
            value / 1_000_000.0,
            format!(
                "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage) \
                 ({property})"
            ),
        ),
        ("fan", "input" | "min" | "max" | "target") => {
            ("_rpm", value, format!("Hardware monitor for fan revolutions per minute ({property})"))
        }
        _ => ("", value, format!("Hardware monitor {kind} element {property}")),
    };
    page.gauge(&format!("{name}{suffix}"), &help, labels, value);
}

/// A name that does not depend on the order in which drivers were loaded: that of the device and its bus, else the
/// chip's own, else the directory's.
fn stable_name(files: &Path) -> String {
    let part = |path: Option<&Path>| {
        path.and_then(Path::file_name).map(|name| cleaned(&name.to_string_lossy())).unwrap_or_default()
    };
    if let Ok(device) = fs::canonicalize(files.join("device")) {
        let (bus, device) = (part(device.parent()), part(Some(&device)));
        if !device.is_empty() {
            return if bus.is_empty() { device } else { format!("{bus}_{device}") };
        }
    }
    let name = read_trimmed(&files.join("name")).map(|name| cleaned(&name)).unwrap_or_default();
    if name.is_empty() { part(fs::canonicalize(files).ok().as_deref()) } else { name }
}

/// In lower case, with underscores for what metric names may not have, and none at the ends.
fn cleaned(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ':' || c == '_';
    let replaced: String = name.to_lowercase().chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    replaced.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        assert_eq!(parse_name("temp1_crit_alarm"), Some(("temp", 1, "crit_alarm")));
        assert_eq!(parse_name("pwm1_auto_point1_pwm"), Some(("pwm", 1, "auto_point1_pwm")));
        assert_eq!(parse_name("beep_enable"), Some(("beep_enable", 0, "")));
        assert_eq!(parse_name("temp1x"), None);
        assert_eq!(parse_name("1temp"), None);
        assert_eq!(parse_name("temp1_"), None);
    }

    #[test]
    fn properties_get_their_units() {
        let mut page = Page::default();
        let properties = [("input", "54000"), ("crit_alarm", "0"), ("label", "Core"), ("junk", "x")];
        let properties = properties.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        put_sensor(&mut page, "chip", "temp", "temp1", &properties);
        let names: Vec<_> = page.into_families().into_iter().map(|f| f.name).collect();
        let expected =
            ["node_hwmon_sensor_label", "node_hwmon_temp_celsius", "node_hwmon_temp_crit_alarm_celsius"];
        assert_eq!(names, expected);
    }
}
