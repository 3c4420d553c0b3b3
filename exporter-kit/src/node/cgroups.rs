//! How many control groups each controller has.

use super::page::Desc;
use super::proc_files::decimal;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("cgroups", Default::Off, update);

const CGROUPS: Desc = Desc::gauge("node_cgroups_cgroups", "Current cgroup number of the subsystem.");
// The original describes both in the same words.
const ENABLED: Desc = Desc::gauge("node_cgroups_enabled", "Current cgroup number of the subsystem.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    for line in roots.read_proc("cgroups")?.lines().filter(|line| !line.starts_with('#')) {
        let [name, _, cgroups, enabled] = line.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
            return Err(NodeError::malformed("cgroups", "four columns", line));
        };
        page.put(&CGROUPS, &[("subsys_name", name)], decimal("cgroups", cgroups)?);
        page.put(&ENABLED, &[("subsys_name", name)], decimal("cgroups", enabled)?);
    }
    Ok(())
}
