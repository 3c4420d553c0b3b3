//! NVMe controllers and their namespaces.

use std::path::Path;

use super::page::Desc;
use super::proc_files::{names, read_trimmed};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("nvme", Default::On, update);

const INFO: Desc =
    Desc::gauge("node_nvme_info", "Non-numeric data from /sys/class/nvme/<device>, value is always 1.");
const NAMESPACE: Desc =
    Desc::gauge("node_nvme_namespace_info", "Information about NVMe namespaces. Value is always 1");
const CAPACITY: Desc = Desc::gauge(
    "node_nvme_namespace_capacity_bytes",
    "Capacity of the NVMe namespace in bytes. Computed as namespace_size * namespace_logical_block_size",
);
const SIZE: Desc = Desc::gauge(
    "node_nvme_namespace_size_bytes",
    "Size of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/size",
);
const USED: Desc = Desc::gauge(
    "node_nvme_namespace_used_bytes",
    "Used space of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/nuse",
);
const BLOCK_SIZE: Desc = Desc::gauge(
    "node_nvme_namespace_logical_block_size_bytes",
    "Logical block size of the NVMe namespace in bytes. Usually 4Kb. Available in \
     /sys/class/nvme/<device>/<namespace>/queue/logical_block_size",
);

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("class/nvme");
    if !directory.is_dir() {
        return Err(NodeError::NoData { reason: "there is no NVMe controller" });
    }
    for device in names(&directory)? {
        let files = directory.join(&device);
        let fields = [
            ("firmware_revision", "firmware_rev"),
            ("model", "model"),
            ("serial", "serial"),
            ("state", "state"),
            ("cntlid", "cntlid"),
        ];
        let mut values = Vec::with_capacity(fields.len());
        for (label, file) in fields {
            values.push((label, read_trimmed(&files.join(file))?));
        }
        let mut labels = vec![("device", device.as_str())];
        labels.extend(values.iter().map(|(label, value)| (*label, value.as_str())));
        page.put(&INFO, &labels, 1.0);
        for name in names(&files)? {
            if let Some(id) = namespace_id(&name) {
                put_namespace(page, &files.join(&name), &device, id)?;
            }
        }
    }
    Ok(())
}

/// The last number of a name such as `nvme0c0n1` or `nvme0n1`.
fn namespace_id(name: &str) -> Option<&str> {
    let (controller, id) = name.strip_prefix("nvme")?.rsplit_once('n')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (controller.split('c').all(is_number) && is_number(id)).then_some(id)
}

fn put_namespace(page: &mut Page, files: &Path, device: &str, id: &str) -> Result<(), NodeError> {
    // Counts of blocks; a text that is no number counts as none, as in the original.
    let count = |file: &str| read_trimmed(&files.join(file)).map(|text| text.parse().unwrap_or(0u64));
    let (used, size, block) = (count("nuse")?, count("size")?, count("queue/logical_block_size")?);
    let state = read_trimmed(&files.join("ana_state")).unwrap_or_else(|_| "unknown".to_owned());
    let labels = [("device", device), ("nsid", id), ("ana_state", state.as_str())];
    let bytes = |blocks: u64| blocks.wrapping_mul(block) as f64;
    page.put(&NAMESPACE, &labels, 1.0);
    page.put(&CAPACITY, &labels[..2], bytes(size));
    page.put(&SIZE, &labels[..2], bytes(size));
    page.put(&USED, &labels[..2], bytes(used));
    page.put(&BLOCK_SIZE, &labels[..2], block as f64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::namespace_id;

    #[test]
    fn names_of_namespaces() {
        assert_eq!(namespace_id("nvme0c0n1"), Some("1"));
        assert_eq!(namespace_id("nvme12n3"), Some("3"));
        assert_eq!(namespace_id("nvme0"), None);
        assert_eq!(namespace_id("model"), None);
    }
}
