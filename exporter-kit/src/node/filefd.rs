//! How many files are open on the whole host.

use super::page::Desc;
use super::proc_files::decimal;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("filefd", Default::On, update);

const ALLOCATED: Desc = Desc::gauge("node_filefd_allocated", "File descriptor statistics: allocated.");
const MAXIMUM: Desc = Desc::gauge("node_filefd_maximum", "File descriptor statistics: maximum.");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let text = roots.read_proc("sys/fs/file-nr")?;
    // The number between the two has been zero since Linux 2.6.
    let [allocated, _, maximum] = text.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
        return Err(NodeError::malformed("sys/fs/file-nr", "three numbers", &text));
    };
    page.put(&ALLOCATED, &[], decimal("sys/fs/file-nr", allocated)?);
    page.put(&MAXIMUM, &[], decimal("sys/fs/file-nr", maximum)?);
    Ok(())
}
