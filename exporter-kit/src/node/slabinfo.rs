//! The kernel's caches of small objects.

use super::filter::NameFilter;
use super::page::Desc;
use super::proc_files::decimal;
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Spec};

const INCLUDE: OptionSpec = OptionSpec::text(
    "collector.slabinfo.slabs-include",
    "",
    "Regexp of slabs to include in slabinfo collector.",
);
const EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.slabinfo.slabs-exclude",
    "",
    "Regexp of slabs to exclude in slabinfo collector.",
);

pub(super) const SPEC: Spec = Spec::new("slabinfo", Default::Off, &[INCLUDE, EXCLUDE], |settings| {
    let filter = NameFilter::new(settings, &EXCLUDE, &INCLUDE)?;
    Ok(Box::new(SlabInfo { roots: settings.roots.clone(), filter }))
});

/// In the order of the file's columns.
const COLUMNS: [Desc; 5] = [
    Desc::gauge(
        "node_slabinfo_active_objects",
        "The number of objects that are currently active (i.e., in use).",
    ),
    Desc::gauge(
        "node_slabinfo_objects",
        "The total number of allocated objects (i.e., objects that are both in use and not in use).",
    ),
    Desc::gauge("node_slabinfo_object_size_bytes", "The size of objects in this slab, in bytes."),
    Desc::gauge("node_slabinfo_objects_per_slab", "The number of objects stored in each slab."),
    Desc::gauge("node_slabinfo_pages_per_slab", "The number of pages allocated for each slab."),
];

#[derive(Debug)]
struct SlabInfo {
    roots: Roots,
    filter: NameFilter,
}

impl Collector for SlabInfo {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let text = self.roots.read_proc("slabinfo")?;
        let is_slab = |line: &&str| !line.starts_with("slabinfo") && !line.starts_with('#');
        for line in text.lines().filter(is_slab) {
            let mut words = line.split_ascii_whitespace();
            let slab = words.next().unwrap_or_default();
            if self.filter.ignores(slab) {
                continue;
            }
            for desc in &COLUMNS {
                let value = decimal("slabinfo", words.next().unwrap_or_default())?;
                page.put(desc, &[("slab", slab)], value);
            }
        }
        Ok(())
    }
}
