//! The lesson ends in visible output.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn the_page_shows_folders_and_failures() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let output = Command::new(env!("CARGO_BIN_EXE_custom-exporter"))
        .args(["once", folder, "/nowhere"])
        .output()
        .unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "error: collector \"/nowhere\" failed: No such file or directory",
        "folder_scrape_collector_success{collector=\"/nowhere\"} 0\n",
        &format!("folder_files{{folder=\"{folder}\"}} 1\n"),
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
}
