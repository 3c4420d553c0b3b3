//! Scripts that load samples, evaluate queries and tell the answers: the original's own, and ours.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a script that cannot be read stops the test with its line

#[path = "scripts/runner/mod.rs"]
mod runner;

use std::path::{Path, PathBuf};

fn scripts_in(folder: &Path) -> Vec<PathBuf> {
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "test"))
        .collect();
    scripts.sort();
    scripts
}

/// Runs all scripts of a folder and tells how many evaluations agree.
fn run_folder(name: &str, folder: &Path) {
    let (mut agree, mut total) = (0, 0);
    for path in scripts_in(folder) {
        let tally = runner::run(&std::fs::read_to_string(&path).unwrap());
        for failure in &tally.failures {
            println!("{}:{failure}", path.file_name().unwrap().to_string_lossy());
        }
        agree += tally.agree;
        total += tally.total;
    }
    println!("{name}: {agree} of {total} cases agree");
    assert!(total > 0, "no script in {}", folder.display());
    assert_eq!(agree, total);
}

#[test]
fn own_scripts() {
    run_folder("own scripts", &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts"));
}

#[test]
fn conformance_promqltest() {
    let fallback = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/promqltest");
    let folder = std::env::var_os("CONFORMANCE_PROMQLTEST").map_or(fallback, PathBuf::from);
    if !folder.is_dir() {
        println!("promqltest: skipped, {} is not there", folder.display());
        return;
    }
    run_folder("promqltest", &folder);
}
