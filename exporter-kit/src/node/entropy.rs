//! The kernel's pool of random bits.

use super::page::Desc;
use super::proc_files::read_u64;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("entropy", Default::On, update);

const FILES: [(&str, Desc); 2] = [
    ("entropy_avail", Desc::gauge("node_entropy_available_bits", "Bits of available entropy.")),
    ("poolsize", Desc::gauge("node_entropy_pool_size_bits", "Bits of entropy pool.")),
];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    for (file, desc) in &FILES {
        page.put(desc, &[], read_u64(&roots.proc("sys/kernel/random").join(file))? as f64);
    }
    Ok(())
}
