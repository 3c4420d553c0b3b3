//! Which format a page is in: content types, and how the two ends of a scrape agree on one.
//!
//! Sources: "Content negotiation" of the Prometheus documentation for the formats and the `escaping`
//! parameter; RFC 9110, section 12.5.1 for `Accept`.

mod accept;
mod media_type;

use std::fmt;

use metrics_core::Escaping;

use accept::Clause;
use media_type::MediaType;

/// A format of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Classic text, version 0.0.4.
    Text,
    /// Classic text with quoted UTF-8 names, version 1.0.0.
    TextUtf8,
    /// OpenMetrics before it was a standard, version 0.0.1; the same bytes as 1.0.0.
    OpenMetrics001,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Length-delimited `io.prometheus.client.MetricFamily` messages.
    Protobuf,
}

impl Format {
    /// What an exporter offers, in the original's order of preference among equally wanted ones.
    pub const OFFERED: [Self; 4] = [Self::OpenMetrics, Self::OpenMetrics001, Self::Protobuf, Self::Text];

    /// The media type with the parameters that tell this format from others.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::TextUtf8 => "text/plain; version=1.0.0; charset=utf-8",
            Self::OpenMetrics001 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The format to read a page with whose `Content-Type` header is this, as Prometheus decides: by the media
    /// type alone, for parameters are often wrong.
    ///
    /// ```
    /// use expo_format::Format;
    /// assert_eq!(Format::of_page("text/plain; version=0.0.4"), Ok(Format::Text));
    /// assert!(Format::of_page("text/html").is_err());
    /// ```
    ///
    /// # Errors
    /// If the header is empty, is no media type, or names a type that is no format of pages. A caller that was
    /// told which format to fall back to uses that, and may show the error as a warning.
    pub fn of_page(content_type: &str) -> Result<Self, ContentTypeError> {
        if content_type.is_empty() {
            return Err(ContentTypeError::Blank);
        }
        let malformed = || ContentTypeError::Malformed(content_type.to_owned());
        let header = MediaType::parse(content_type).ok_or_else(malformed)?;
        match header.name.as_str() {
            "text/plain" if header.parameter("version") == Some("1.0.0") => Ok(Self::TextUtf8),
            "text/plain" => Ok(Self::Text),
            "application/openmetrics-text" => Ok(Self::OpenMetrics),
            "application/vnd.google.protobuf" => Ok(Self::Protobuf),
            _ => Err(ContentTypeError::Unsupported(content_type.to_owned())),
        }
    }
}

/// Why a `Content-Type` header tells no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentTypeError {
    /// There is none.
    #[error("blank Content-Type")]
    Blank,
    /// It is no media type.
    #[error("cannot parse Content-Type {0:?}")]
    Malformed(String),
    /// It is a media type, but none of a page.
    #[error("received unsupported Content-Type {0:?}")]
    Unsupported(String),
}

/// A format together with how names outside the classic alphabet are shown.
///
/// Its `Display` form is the `Content-Type` header:
///
/// ```
/// use expo_format::{ContentType, Escaping, Format};
/// let content_type = ContentType { format: Format::Text, escaping: Escaping::Underscores };
/// assert_eq!(content_type.to_string(), "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentType {
    /// The format.
    pub format: Format,
    /// The escaping scheme.
    pub escaping: Escaping,
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; escaping={}", self.format.media_type(), self.escaping.as_str())
    }
}

/// Chooses what to answer a request with this `Accept` header, among the formats offered.
///
/// Clauses are weighed by their `q` values, then specific ones before wildcards; a clause may match an offered
/// format and any of the heavier ones may name the escaping scheme, as in the original. Where nothing matches,
/// classic text is the answer if it is offered, else the first format offered.
///
/// ```
/// use expo_format::{Format, negotiate};
/// let accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3";
/// assert_eq!(
///     negotiate(accept, &Format::OFFERED).to_string(),
///     "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
/// );
/// assert_eq!(negotiate("", &Format::OFFERED).format, Format::Text);
/// ```
pub fn negotiate(accept: &str, offered: &[Format]) -> ContentType {
    // The original's default for peers that name no scheme.
    let mut escaping = Escaping::Underscores;
    for clause in accept::clauses(accept) {
        if let Some(scheme) = clause.parameter("escaping").and_then(Escaping::from_name) {
            escaping = scheme;
        }
        // Who takes anything, such as a browser or curl, gets the page that everybody can read. (The original's
        // library gives the first format on offer from its next version on, its programs do not.)
        if clause.kind == "*" {
            break;
        }
        if let Some(format) = offered.iter().copied().find(|f| matches(&clause, *f)) {
            return ContentType { format, escaping };
        }
    }
    let fallback = offered.iter().copied().find(|f| *f == Format::Text);
    ContentType { format: fallback.or(offered.first().copied()).unwrap_or(Format::Text), escaping }
}

/// Whether a clause accepts a format: every parameter of the format but the character set must be asked for.
fn matches(clause: &Clause<'_>, format: Format) -> bool {
    let Some(target) = Clause::parse(format.media_type()) else { return false };
    if clause.kind != target.kind || (clause.subtype != "*" && clause.subtype != target.subtype) {
        return false;
    }
    let default_version = match (clause.kind, clause.subtype) {
        ("application", "openmetrics-text") => "0.0.1",
        ("text", "plain") => "0.0.4",
        _ => "",
    };
    target.parameters().filter(|(name, _)| *name != "charset").all(|(name, wanted)| {
        let mut asked = clause.parameter(name).unwrap_or("");
        if name == "version" && asked.is_empty() {
            asked = default_version;
        }
        asked == wanted
    })
}

/// The `Accept` header that asks for these formats, the first one most, and escaping `allow-utf-8` where a
/// format can show such names; anything else is accepted last. This is what Prometheus sends.
///
/// ```
/// use expo_format::{Escaping, Format, accept_header};
/// assert_eq!(
///     accept_header(&[Format::OpenMetrics, Format::Text], Escaping::AllowUtf8),
///     "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4"
/// );
/// ```
pub fn accept_header(formats: &[Format], escaping: Escaping) -> String {
    let mut header = String::new();
    /// There are five formats; the first one asked for weighs 0.6, so that "anything" never falls to zero.
    const FIRST_WEIGHT: usize = 6;
    let mut weight = FIRST_WEIGHT;
    for format in formats.iter().take(FIRST_WEIGHT - 1) {
        header.push_str(match format {
            Format::Text => "text/plain;version=0.0.4",
            Format::TextUtf8 => "text/plain;version=1.0.0",
            Format::OpenMetrics001 => "application/openmetrics-text;version=0.0.1",
            Format::OpenMetrics => "application/openmetrics-text;version=1.0.0",
            Format::Protobuf => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
        });
        if matches!(format, Format::TextUtf8 | Format::OpenMetrics) {
            header.push_str(";escaping=");
            header.push_str(escaping.as_str());
        }
        header.push_str(&format!(";q=0.{weight},"));
        weight -= 1;
    }
    header.push_str(&format!("*/*;q=0.{weight}"));
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_prometheus_gets_openmetrics() {
        let accept = accept_header(
            &[Format::OpenMetrics, Format::OpenMetrics001, Format::TextUtf8, Format::Text],
            Escaping::AllowUtf8,
        );
        assert_eq!(
            accept,
            concat!(
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,",
                "application/openmetrics-text;version=0.0.1;q=0.5,",
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
            )
        );
        let all = negotiate(&accept, &Format::OFFERED);
        assert_eq!(all, ContentType { format: Format::OpenMetrics, escaping: Escaping::AllowUtf8 });
        // The scheme of a heavier clause stays although its format is not offered.
        let text = negotiate(&accept, &[Format::Text]);
        assert_eq!(text, ContentType { format: Format::Text, escaping: Escaping::AllowUtf8 });
    }

    #[test]
    fn weights_decide_before_the_order() {
        let accept = "text/plain;q=0.9, application/openmetrics-text;version=1.0.0;q=0.95, */*;q=0.1";
        assert_eq!(negotiate(accept, &Format::OFFERED).format, Format::OpenMetrics);
        assert_eq!(negotiate("*/*", &Format::OFFERED).format, Format::Text);
        assert_eq!(negotiate("text/*", &Format::OFFERED).format, Format::Text);
        assert_eq!(
            negotiate("application/openmetrics-text", &Format::OFFERED).format,
            Format::OpenMetrics001
        );
        assert_eq!(negotiate("image/png", &[Format::Protobuf]).format, Format::Protobuf);
    }

    #[test]
    fn pages_are_told_by_their_media_type() {
        for (header, format) in [
            ("text/plain", Ok(Format::Text)),
            ("TEXT/PLAIN ; charset=x", Ok(Format::Text)),
            ("text/plain; version=1.0.0; escaping=dots", Ok(Format::TextUtf8)),
            ("application/openmetrics-text; version=9", Ok(Format::OpenMetrics)),
            ("application/vnd.google.protobuf", Ok(Format::Protobuf)),
            ("", Err(ContentTypeError::Blank)),
            ("text/html", Err(ContentTypeError::Unsupported("text/html".to_owned()))),
            ("a b", Err(ContentTypeError::Malformed("a b".to_owned()))),
            ("text/plain; charset", Err(ContentTypeError::Malformed("text/plain; charset".to_owned()))),
            ("text/plain; a=\"x;y\" ; b=1;", Ok(Format::Text)),
        ] {
            assert_eq!(Format::of_page(header), format, "{header}");
        }
    }
}
