//! Where cases of the field are found, and how they are counted.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder that a variable names, or the one beside the workspace; `None`, with a printed word, without either.
pub(super) fn folder(variable: &str, name: &str) -> Option<PathBuf> {
    let found = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance").join(name),
    };
    if found.exists() {
        return Some(found);
    }
    println!("{variable}: skipped, {} is not there", found.display());
    None
}

/// A JSON file.
pub(super) fn load(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Counts cases and says which disagree.
pub(super) struct Tally {
    name: &'static str,
    agree: usize,
    all: usize,
    faults: usize,
}

impl Tally {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, agree: 0, all: 0, faults: 0 }
    }

    /// Counts a case and prints it if the two differ.
    pub(super) fn check<T: PartialEq + std::fmt::Debug + ?Sized>(
        &mut self,
        case: &str,
        wanted: &T,
        found: &T,
    ) -> bool {
        self.all += 1;
        if wanted == found {
            self.agree += 1;
            return true;
        }
        let case: String = case.chars().take(300).collect();
        println!("{case}\n  wanted {wanted:?}\n  found  {found:?}");
        false
    }

    /// A case that is meant to differ, and why.
    pub(super) fn excuse(&mut self, case: &str, reason: &str) {
        self.all += 1;
        self.agree += 1;
        let case: String = case.chars().take(300).collect();
        println!("{case}\n  differs: {reason}");
    }

    /// Something wrong beside the cases.
    pub(super) fn fault(&mut self, case: &str, what: &str) {
        self.faults += 1;
        println!("{case}\n  {what}");
    }

    /// Prints the count and fails unless all agree.
    pub(super) fn finish(self) {
        println!("{}: {} of {} cases agree", self.name, self.agree, self.all);
        assert_eq!(self.faults, 0, "{}", self.name);
        assert_eq!(self.agree, self.all, "{}", self.name);
    }
}
