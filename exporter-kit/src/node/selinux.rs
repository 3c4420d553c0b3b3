//! Whether SELinux guards the host.

use super::page::Desc;
use super::proc_files::{read_trimmed, read_u64};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("selinux", Default::On, update);

const ENABLED: Desc = Desc::gauge("node_selinux_enabled", "SELinux is enabled, 1 is true, 0 is false");
const CONFIGURED: Desc = Desc::gauge("node_selinux_config_mode", "Configured SELinux enforcement mode");
const CURRENT: Desc = Desc::gauge("node_selinux_current_mode", "Current SELinux enforcement mode");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let Ok(enforcing) = read_u64(&roots.sys("fs/selinux/enforce")) else {
        page.put(&ENABLED, &[], 0.0);
        return Ok(());
    };
    page.put(&ENABLED, &[], 1.0);
    let config = read_trimmed(&roots.below_rootfs("etc/selinux/config")).unwrap_or_default();
    page.put(&CONFIGURED, &[], configured_mode(&config));
    page.put(&CURRENT, &[], enforcing as f64);
    Ok(())
}

/// 1 for enforcing, 0 for permissive, -1 for anything else.
fn configured_mode(config: &str) -> f64 {
    let mode = config.lines().find_map(|line| line.trim().strip_prefix("SELINUX="));
    match mode.map(|mode| mode.trim().to_lowercase()).as_deref() {
        Some("enforcing") => 1.0,
        Some("permissive") => 0.0,
        _ => -1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::configured_mode;

    #[test]
    fn modes_as_numbers() {
        assert_eq!(configured_mode("# SELINUX=x\nSELINUX=enforcing\n"), 1.0);
        assert_eq!(configured_mode("SELINUX=Permissive"), 0.0);
        assert_eq!(configured_mode(""), -1.0);
    }
}
