//! Times on the command line: seconds since 1970, or RFC 3339.

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot parse {text:?} to a valid timestamp")]
pub struct TimeError {
    /// What was given.
    pub text: String,
}

/// Seconds since 1970 of a time.
///
/// # Errors
/// If the text is none.
pub fn parse_time(text: &str) -> Result<f64, TimeError> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok(seconds);
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| TimeError { text: text.to_owned() })?;
    Ok(time.as_nanosecond() as f64 / 1e9)
}
