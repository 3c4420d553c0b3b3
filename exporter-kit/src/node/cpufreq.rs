//! How fast the processors run, and who decides it.

use super::error::Optional;
use super::page::Desc;
use super::proc_files::{number_list, numbered, read, read_trimmed, read_u64};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("cpufreq", Default::On, update);

/// Files that hold kilohertz.
const FREQUENCIES: [(&str, Desc); 7] = [
    ("cpuinfo_cur_freq", Desc::gauge("node_cpu_frequency_hertz", "Current CPU thread frequency in hertz.")),
    (
        "cpuinfo_avg_freq",
        Desc::gauge("node_cpu_frequency_avg_hertz", "Average CPU thread frequency in hertz."),
    ),
    (
        "cpuinfo_min_freq",
        Desc::gauge("node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz."),
    ),
    (
        "cpuinfo_max_freq",
        Desc::gauge("node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz."),
    ),
    (
        "scaling_cur_freq",
        Desc::gauge("node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz."),
    ),
    (
        "scaling_min_freq",
        Desc::gauge("node_cpu_scaling_frequency_min_hertz", "Minimum scaled CPU thread frequency in hertz."),
    ),
    (
        "scaling_max_freq",
        Desc::gauge("node_cpu_scaling_frequency_max_hertz", "Maximum scaled CPU thread frequency in hertz."),
    ),
];
const GOVERNOR: Desc = Desc::gauge("node_cpu_scaling_governor", "Current enabled CPU frequency governor.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("devices/system/cpu");
    let offline = number_list("offline", &read(&directory.join("offline"))?)?;
    for name in numbered(&directory, "cpu")? {
        let cpu = name.trim_start_matches("cpu");
        let files = directory.join(&name).join("cpufreq");
        if offline.iter().any(|id| id.to_string() == cpu) || !files.is_dir() {
            continue;
        }
        for (file, desc) in &FREQUENCIES {
            // Some of these only the root user may read.
            match read_u64(&files.join(file)) {
                Ok(kilohertz) => page.put(desc, &[("cpu", cpu)], kilohertz as f64 * 1000.0),
                Err(error) if error.is_not_found() || error.is_denied() => {}
                Err(error) => return Err(error),
            }
        }
        let governor = read_trimmed(&files.join("scaling_governor"))?;
        let available =
            read_trimmed(&files.join("scaling_available_governors")).optional()?.unwrap_or_default();
        for name in available.split(' ').filter(|_| !governor.is_empty()) {
            let on = f64::from(u8::from(name == governor));
            page.put(&GOVERNOR, &[("cpu", cpu), ("governor", name)], on);
        }
    }
    Ok(())
}
