//! Memory errors that were detected, and maybe corrected, by controller, row and channel.

use std::path::Path;

use super::page::Desc;
use super::proc_files::{names, numbered, read_trimmed, read_u64};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("edac", Default::On, update);

const CORRECTABLE: Desc =
    Desc::counter("node_edac_correctable_errors_total", "Total correctable memory errors.");
const UNCORRECTABLE: Desc =
    Desc::counter("node_edac_uncorrectable_errors_total", "Total uncorrectable memory errors.");
const ROW_CORRECTABLE: Desc = Desc::counter(
    "node_edac_csrow_correctable_errors_total",
    "Total correctable memory errors for this csrow.",
);
const ROW_UNCORRECTABLE: Desc = Desc::counter(
    "node_edac_csrow_uncorrectable_errors_total",
    "Total uncorrectable memory errors for this csrow.",
);
const CHANNEL_CORRECTABLE: Desc = Desc::counter(
    "node_edac_channel_correctable_errors_total",
    "Total correctable memory errors for this channel.",
);
const CHANNEL_UNCORRECTABLE: Desc = Desc::counter(
    "node_edac_channel_uncorrectable_errors_total",
    "Total uncorrectable memory errors for this channel.",
);

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("devices/system/edac/mc");
    for name in numbered(&directory, "mc")? {
        let files = directory.join(&name);
        let controller = name.trim_start_matches("mc");
        let count = |file: &str| read_u64(&files.join(file)).map(|n| n as f64);
        let labels = [("controller", controller), ("csrow", "unknown")];
        page.put(&CORRECTABLE, &labels[..1], count("ce_count")?);
        page.put(&ROW_CORRECTABLE, &labels, count("ce_noinfo_count")?);
        page.put(&UNCORRECTABLE, &labels[..1], count("ue_count")?);
        page.put(&ROW_UNCORRECTABLE, &labels, count("ue_noinfo_count")?);
        for row in numbered(&files, "csrow")? {
            put_row(page, &files.join(&row), controller, row.trim_start_matches("csrow"))?;
        }
    }
    Ok(())
}

fn put_row(page: &mut Page, files: &Path, controller: &str, row: &str) -> Result<(), NodeError> {
    let count = |file: &str| read_u64(&files.join(file)).map(|n| n as f64);
    let labels = [("controller", controller), ("csrow", row)];
    page.put(&ROW_CORRECTABLE, &labels, count("ce_count")?);
    page.put(&ROW_UNCORRECTABLE, &labels, count("ue_count")?);
    for file in names(files)? {
        let Some(channel) = file.strip_prefix("ch").and_then(|f| f.strip_suffix("_ce_count")) else {
            continue;
        };
        let dimm = dimm_label(files, channel);
        let labels = [labels[0], labels[1], ("channel", channel), ("dimm_label", &dimm)];
        page.put(&CHANNEL_CORRECTABLE, &labels, count(&file)?);
        if let Ok(errors) = count(&format!("ch{channel}_ue_count")) {
            page.put(&CHANNEL_UNCORRECTABLE, &labels, errors);
        }
    }
    Ok(())
}

/// The name of the memory module, as the original shows it: `mc#0csrow#1` as `mc0_csrow1`.
fn dimm_label(files: &Path, channel: &str) -> String {
    let text = read_trimmed(&files.join(format!("ch{channel}_dimm_label")));
    text.map_or("unknown".to_owned(), |label| {
        label.replace('#', "").replace("csrow", "_csrow").replace("channel", "_channel")
    })
}
