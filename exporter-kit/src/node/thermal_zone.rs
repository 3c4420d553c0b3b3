//! Temperatures of thermal zones, and the devices that cool them.

use super::page::Desc;
use super::proc_files::{numbered, read_i64, read_trimmed};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("thermal_zone", Default::On, update);

const TEMPERATURE: Desc = Desc::gauge("node_thermal_zone_temp", "Zone temperature in Celsius");
const CURRENT: Desc =
    Desc::gauge("node_cooling_device_cur_state", "Current throttle state of the cooling device");
const MAXIMUM: Desc =
    Desc::gauge("node_cooling_device_max_state", "Maximum throttle state of the cooling device");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("class/thermal");
    for name in numbered(&directory, "thermal_zone")? {
        let files = directory.join(&name);
        // A zone that cannot be read now, such as one of a sleeping device, is shown as zero by the original too.
        let kind = read_trimmed(&files.join("type")).unwrap_or_default();
        let temperature = read_i64(&files.join("temp")).unwrap_or_default();
        let labels = [("zone", name.trim_start_matches("thermal_zone")), ("type", &kind)];
        page.put(&TEMPERATURE, &labels, temperature as f64 / 1000.0);
    }
    for name in numbered(&directory, "cooling_device")? {
        let files = directory.join(&name);
        let kind = read_trimmed(&files.join("type"))?;
        let labels = [("name", name.trim_start_matches("cooling_device")), ("type", kind.as_str())];
        page.put(&CURRENT, &labels, read_i64(&files.join("cur_state"))? as f64);
        page.put(&MAXIMUM, &labels, read_i64(&files.join("max_state"))? as f64);
    }
    Ok(())
}
