//! Tasks that the kernel found hanging.

use super::error::Optional;
use super::page::Desc;
use super::proc_files::read_u64;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("kernel_hung", Default::On, update);

const TASKS: Desc = Desc::counter(
    "node_kernel_hung_tasks_total",
    "Total number of tasks that have been detected as hung since the system booted.",
);

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let count = read_u64(&roots.proc("sys/kernel/hung_task_detect_count")).optional()?;
    let count = count.ok_or(NodeError::NoData { reason: "the kernel does not count hung tasks" })?;
    page.put(&TASKS, &[], count as f64);
    Ok(())
}
