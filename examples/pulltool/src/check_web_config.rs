//! Whether files for TLS and passwords of a web server can be used.

use std::io::{self, Write};
use std::path::Path;

use exporter_kit::serve::WebConfig;

/// Tells of every file whether it can be used, in the original's words; says whether all can.
///
/// # Errors
/// If `err` cannot be written to.
pub fn check_web_config<P: AsRef<Path>>(files: &[P], err: &mut impl Write) -> io::Result<bool> {
    let mut all = true;
    for file in files.iter().map(AsRef::as_ref) {
        match WebConfig::check(file) {
            Ok(()) => writeln!(err, "{} SUCCESS", file.display())?,
            Err(error) => {
                all = false;
                write!(err, "{} FAILED: {error}", file.display())?;
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    write!(err, ": {cause}")?;
                    source = cause.source();
                }
                writeln!(err)?;
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let [good, bad] = ["good.yml", "bad.yml"].map(|name| folder.path().join(name));
        std::fs::write(&good, "http_server_config: {headers: {X-Frame-Options: deny}}").unwrap();
        std::fs::write(&bad, "http_server_config: {headers: {Server: x}}").unwrap();
        let mut said = Vec::new();
        assert!(!check_web_config(&[&bad, &good], &mut said).unwrap());
        let (bad, good) = (bad.display(), good.display());
        assert_eq!(
            String::from_utf8(said).unwrap(),
            format!("{bad} FAILED: HTTP header \"Server\" can not be configured\n{good} SUCCESS\n")
        );
    }
}
