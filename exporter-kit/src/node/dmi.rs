//! What the firmware says the machine is.

use super::page::Desc;
use super::proc_files::read_trimmed;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("dmi", Default::On, update);

const INFO: Desc = Desc::gauge(
    "node_dmi_info",
    "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, bios_version, \
     board_asset_tag, board_name, board_serial, board_vendor, board_version, chassis_asset_tag, chassis_serial, \
     chassis_vendor, chassis_version, product_family, product_name, product_serial, product_sku, product_uuid, \
     product_version, system_vendor if provided by DMI.",
);

/// Label and file.
const FIELDS: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("class/dmi/id");
    // Serial numbers only the root user may read; a label whose file cannot be read is left out.
    let values = FIELDS.map(|(label, file)| (label, read_trimmed(&directory.join(file)).ok()));
    let labels: Vec<_> = values.iter().filter_map(|(label, v)| Some((*label, v.as_deref()?))).collect();
    if labels.is_empty() {
        return Err(NodeError::NoData { reason: "the firmware does not describe the machine" });
    }
    page.put(&INFO, &labels, 1.0);
    Ok(())
}
