//! Soft interrupts by kind and processor.

use super::page::Desc;
use super::proc_files::number;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("softirqs", Default::Off, update);

const FUNCTIONS: Desc = Desc::counter("node_softirqs_functions_total", "Softirq counts per CPU.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    for line in roots.read_proc("softirqs")?.lines().skip(1) {
        let Some((kind, counts)) = line.split_once(':') else {
            return Err(NodeError::malformed("softirqs", "a kind and a colon", line));
        };
        for (cpu, count) in counts.split_ascii_whitespace().enumerate() {
            let labels = [("cpu", cpu.to_string()), ("type", kind.trim().to_owned())];
            let labels = labels.each_ref().map(|(name, value)| (*name, value.as_str()));
            page.put(&FUNCTIONS, &labels, number("softirqs", count)? as f64);
        }
    }
    Ok(())
}
