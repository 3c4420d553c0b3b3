//! The names that the kernel gives itself and the host.

use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("uname", Default::On, update);

fn update(_roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let uname = rustix::system::uname();
    let labels = [
        ("sysname", uname.sysname().to_string_lossy()),
        ("release", uname.release().to_string_lossy()),
        ("version", uname.version().to_string_lossy()),
        ("machine", uname.machine().to_string_lossy()),
        ("nodename", uname.nodename().to_string_lossy()),
        ("domainname", uname.domainname().to_string_lossy()),
    ];
    page.gauge(
        "node_uname_info",
        "Labeled system information as provided by the uname system call.",
        &labels.each_ref().map(|(name, value)| (*name, value.as_ref())),
        1.0,
    );
    Ok(())
}
