//! The log on standard error, in the original's two formats.

use std::fmt::{self, Write};
use std::time::SystemTime;

use scrape_client::status::rfc3339;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `time=… level=INFO source=… msg=… key=value`
    Logfmt,
    /// The same as a JSON object.
    Json,
}

/// Starts logging; what libraries below log counts from warnings up.
pub fn start(level: &str, format: Format) {
    let filter = EnvFilter::new(format!("{level},hyper=warn,hyper_util=warn,rustls=warn"));
    // A program that runs several servers has started logging already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .event_format(format)
        .try_init();
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let meta = event.metadata();
        let file = meta.file().and_then(|f| f.rsplit('/').next()).unwrap_or("");
        let source = format!("{file}:{}", meta.line().unwrap_or(0));
        let mut time = rfc3339(SystemTime::now());
        // Milliseconds, always three digits.
        time.truncate(19);
        let millis =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.subsec_millis());
        let _ = write!(time, ".{millis:03}Z");
        let head = [
            ("time", time),
            ("level", meta.level().to_string()),
            ("source", source),
            ("msg", fields.message),
        ];
        let pairs = head.into_iter().chain(fields.pairs.iter().map(|(k, v)| (*k, v.clone())));
        match self {
            Self::Logfmt => {
                for (i, (key, value)) in pairs.enumerate() {
                    let space = if i > 0 { " " } else { "" };
                    write!(out, "{space}{key}={}", Logfmt(&value))?;
                }
                writeln!(out)
            }
            Self::Json => {
                let object: Map<String, Value> = pairs.map(|(k, v)| (k.to_owned(), v.into())).collect();
                writeln!(out, "{}", Value::Object(object))
            }
        }
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    pairs: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            name => self.pairs.push((name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// A value, quoted where it must be.
struct Logfmt<'a>(&'a str);

impl fmt::Display for Logfmt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c > ' ' && !matches!(c, '"' | '=' | '\u{7f}');
        if !self.0.is_empty() && self.0.chars().all(plain) {
            f.write_str(self.0)
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}
