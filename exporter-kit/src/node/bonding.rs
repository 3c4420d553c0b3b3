//! Bonded network devices, and how many of their members work.

use super::error::Optional;
use super::page::Desc;
use super::proc_files::{read, read_trimmed};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("bonding", Default::On, update);

const SLAVES: Desc = Desc::gauge("node_bonding_slaves", "Number of configured slaves per bonding interface.");
const ACTIVE: Desc = Desc::gauge("node_bonding_active", "Number of active slaves per bonding interface.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("class/net");
    let masters = read(&directory.join("bonding_masters")).optional()?;
    let masters = masters.ok_or(NodeError::NoData { reason: "the bonding module is not loaded" })?;
    for master in masters.split_ascii_whitespace() {
        let files = directory.join(master);
        let (mut slaves, mut active) = (0.0, 0.0);
        for slave in read(&files.join("bonding/slaves"))?.split_ascii_whitespace() {
            // Older kernels name the link `slave_`.
            let status = |prefix| {
                read_trimmed(&files.join(format!("{prefix}_{slave}")).join("bonding_slave/mii_status"))
            };
            let status = match status("lower").optional()? {
                Some(status) => status,
                None => status("slave")?,
            };
            slaves += 1.0;
            active += f64::from(u8::from(status == "up"));
        }
        page.put(&SLAVES, &[("master", master)], slaves);
        page.put(&ACTIVE, &[("master", master)], active);
    }
    Ok(())
}
