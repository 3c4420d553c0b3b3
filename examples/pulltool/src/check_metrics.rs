//! `check metrics`: reads a page in the text format and tells which metrics are not named as the field names them.

use std::io::{self, Write};

use expo_format::{FamiliesError, Format, Limits, read_families};
use metrics_core::instrument::lint;

/// Why a page was not checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The page breaks its format.
    #[error("error while linting")]
    Page(#[from] FamiliesError),
    /// The outputs cannot be written.
    #[error("cannot write")]
    Write(#[from] io::Error),
}

/// Checks a page; tells `err` of every metric that breaks a rule. Whether none does.
///
/// ```
/// let mut complaints = Vec::new();
/// let page = b"# HELP hits Hits.\n# TYPE hits counter\nhits 3\n";
/// assert!(!pulltool::check_metrics::check_metrics(page, &mut complaints).unwrap());
/// assert_eq!(complaints, b"hits counter metrics should have \"_total\" suffix\n");
/// ```
///
/// # Errors
/// If the page breaks the format, or the complaints cannot be written.
pub fn check_metrics(page: &[u8], err: &mut impl Write) -> Result<bool, CheckError> {
    let families = read_families(Format::TextUtf8, page, Limits::default())?;
    let mut complaints: Vec<String> = lint(&families).iter().map(ToString::to_string).collect();
    complaints.sort();
    for complaint in &complaints {
        writeln!(err, "{complaint}")?;
    }
    Ok(complaints.is_empty())
}
