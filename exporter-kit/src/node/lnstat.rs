//! The network caches that `lnstat` shows.

use super::proc_files::names;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("lnstat", Default::Off, update);

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    for subsystem in names(&roots.proc("net/stat"))? {
        let text = roots.read_proc(&format!("net/stat/{subsystem}"))?;
        let mut lines = text.lines();
        let headers: Vec<&str> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
        for (cpu, line) in lines.enumerate() {
            let cpu = cpu.to_string();
            for (header, digits) in headers.iter().zip(line.split_ascii_whitespace()) {
                let value = u64::from_str_radix(digits, 16)
                    .map_err(|_| NodeError::malformed("net/stat", "hexadecimal digits", digits))?;
                let name = format!("node_lnstat_{header}_total");
                let labels = [("subsystem", subsystem.as_str()), ("cpu", &cpu)];
                page.counter(&name, "linux network cache stats", &labels, value as f64);
            }
        }
    }
    Ok(())
}
