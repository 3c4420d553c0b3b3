//! Where the cases are, what they look like, and how agreement is counted.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// The folder of a corpus, or `None` with a printed word.
pub(crate) fn folder(variable: &str, name: &str) -> Option<PathBuf> {
    let fallback = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance").join(name);
    let folder = std::env::var_os(variable).map_or(fallback, PathBuf::from);
    let found = folder.is_dir();
    if !found {
        println!("{variable}: skipped, no {}", folder.display());
    }
    found.then_some(folder)
}

/// A file of the original projects' own table tests.
pub(crate) fn go_tables(file: &str) -> Option<Json> {
    let path = folder("CONFORMANCE_GOTABLES", "gotables")?.join(file);
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// Bytes of a Go string or slice: text, or hexadecimal where they are not UTF-8.
pub(crate) fn bytes(json: &Json) -> Vec<u8> {
    match json {
        Json::String(text) => text.clone().into_bytes(),
        _ => {
            let hex = json["$bytes_hex"].as_str().unwrap_or_else(|| panic!("no bytes: {json}"));
            let digit = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(digit).collect()
        }
    }
}

/// A Go float: a number, or what JSON cannot say in `$f64` or as text.
pub(crate) fn float(json: &Json) -> f64 {
    json.as_f64().unwrap_or_else(|| {
        let text = json["$f64"].as_str().or(json.as_str()).unwrap_or_else(|| panic!("no float: {json}"));
        text.parse().unwrap()
    })
}

/// Whether two values are the same to a reader; any NaN is any other.
pub(crate) fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

/// Counts cases that agree.
pub(crate) struct Tally {
    name: &'static str,
    cases: usize,
    failures: Vec<String>,
}

impl Tally {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, cases: 0, failures: Vec::new() }
    }

    /// Counts one case; `found` is its disagreement, if any.
    pub(crate) fn case(&mut self, label: impl std::fmt::Display, found: Result<(), String>) {
        self.cases += 1;
        if let Err(why) = found {
            self.failures.push(format!("{label}: {why}"));
        }
    }

    /// Prints the result; any disagreement is a failure.
    pub(crate) fn finish(self) {
        for failure in &self.failures {
            println!("{failure}");
        }
        assert!(self.cases > 0, "{}: no case found", self.name);
        println!("{}: {} of {} cases agree", self.name, self.cases - self.failures.len(), self.cases);
        assert!(self.failures.is_empty(), "{} cases of {} disagree", self.failures.len(), self.name);
    }
}
