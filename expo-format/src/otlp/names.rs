//! Names of metrics, labels and units, from OpenTelemetry's to the field's.
//!
//! Source: "OTLP Metric points to Prometheus" of the OpenTelemetry specification, as Prometheus reads it; units
//! are those of UCUM.

use metrics_core::MetricType;

/// How names are translated. The default is Prometheus' own: classic alphabet, with suffixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Put in front of every metric name, with `_` between.
    pub namespace: String,
    /// Whether type and unit are added to metric names: `_total`, `_seconds`, `_ratio`.
    pub suffixes: bool,
    /// Whether names stay as they are, any UTF-8.
    pub utf8: bool,
    /// Whether runs of `_` in label names stay.
    pub keep_underscores: bool,
    /// Whether a label name that begins with one `_` gets `key` in front.
    pub mark_underscore: bool,
}

impl Default for Naming {
    fn default() -> Self {
        Self {
            namespace: String::new(),
            suffixes: true,
            utf8: false,
            keep_underscores: false,
            mark_underscore: false,
        }
    }
}

/// A name of which nothing is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("normalization of {name:?} results in no valid name")]
pub struct NameError {
    /// The name as it was.
    pub name: String,
}

/// What names depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A sum that only rises.
    MonotonicSum,
    /// A gauge.
    Gauge,
    /// Anything else.
    Other,
}

impl Kind {
    /// The kind of a metric type of this field.
    pub fn of(metric_type: MetricType) -> Self {
        match metric_type {
            MetricType::Counter => Self::MonotonicSum,
            MetricType::Gauge => Self::Gauge,
            _ => Self::Other,
        }
    }
}

impl Naming {
    /// The name of a metric.
    ///
    /// ```
    /// use expo_format::otlp::{Kind, Naming};
    /// let naming = Naming::default();
    /// assert_eq!(naming.metric("http.server.duration", "ms", Kind::Other).unwrap(), "http_server_duration_milliseconds");
    /// assert_eq!(naming.metric("requests", "1/s", Kind::MonotonicSum).unwrap(), "requests_per_second_total");
    /// ```
    ///
    /// # Errors
    /// If nothing but underscores is left.
    pub fn metric(&self, name: &str, unit: &str, kind: Kind) -> Result<String, NameError> {
        if self.utf8 {
            return Ok(self.utf8_metric(name, unit, kind));
        }
        let found = if self.suffixes { self.full_metric(name, unit, kind) } else { self.plain_metric(name) };
        if found.is_empty() || (found != name && only_underscores(&found)) {
            return Err(NameError { name: name.to_owned() });
        }
        Ok(found)
    }

    /// Characters replaced, nothing added.
    fn plain_metric(&self, name: &str) -> String {
        let words = |text: &str| {
            let valid = |c: char| is_name_char(c) || c == '_';
            let words: Vec<&str> = text.split(|c| !valid(c)).filter(|word| !word.is_empty()).collect();
            words.join("_")
        };
        let name = words(name);
        match self.namespace.is_empty() {
            true if name.starts_with(|c: char| c.is_ascii_digit()) => format!("_{name}"),
            true => name,
            false => format!("{}_{name}", words(&self.namespace)),
        }
    }

    /// Words joined by single underscores, with unit and type at the end, each once.
    fn full_metric(&self, name: &str, unit: &str, kind: Kind) -> String {
        let mut words: Vec<String> =
            name.split(|c| !is_name_char(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let (main, per) = unit_parts(unit);
        let (mut main, mut per) = (clean_unit(&main), clean_unit(&per));
        if words.contains(&main) {
            main.clear();
        }
        if per == "per_" {
            per.clear();
        } else {
            per.truncate(per.strip_suffix('_').unwrap_or(&per).len());
            if words.contains(&per) {
                per.clear();
            }
        }
        if !per.is_empty() {
            main.truncate(main.strip_suffix('_').unwrap_or(&main).len());
        }
        words.extend([main, per].into_iter().filter(|part| !part.is_empty()));
        let mut end_with = |word: &str| {
            words.retain(|w| w != word);
            words.push(word.to_owned());
        };
        match kind {
            Kind::MonotonicSum => end_with("total"),
            Kind::Gauge if unit == "1" => end_with("ratio"),
            _ => {}
        }
        if !self.namespace.is_empty() {
            words.insert(0, self.namespace.clone());
        }
        let found = words.join("_");
        if found.starts_with(|c: char| c.is_ascii_digit()) { format!("_{found}") } else { found }
    }

    fn utf8_metric(&self, name: &str, unit: &str, kind: Kind) -> String {
        let mut found = match self.namespace.as_str() {
            "" => name.to_owned(),
            namespace => format!("{namespace}_{name}"),
        };
        if !self.suffixes {
            return found;
        }
        let (main, per) = unit_parts(unit);
        let last = match kind {
            Kind::Gauge if unit == "1" => "ratio",
            Kind::MonotonicSum => "total",
            _ => "",
        };
        for suffix in [last, &per] {
            if !suffix.is_empty() {
                trim_suffix(&mut found, suffix);
            }
        }
        if !main.is_empty() && !found.ends_with(&main) {
            found = format!("{found}_{main}");
        }
        for suffix in [per.as_str(), last] {
            if !suffix.is_empty() {
                found = format!("{found}_{suffix}");
            }
        }
        found
    }

    /// The name of a label.
    ///
    /// # Errors
    /// If nothing but underscores is left.
    pub fn label(&self, name: &str) -> Result<String, NameError> {
        let refused = || NameError { name: name.to_owned() };
        if name.is_empty() {
            return Err(refused());
        }
        let mut found = if self.utf8 { name.to_owned() } else { self.classic_label(name) };
        if !self.utf8 {
            if found.starts_with(|c: char| c.is_ascii_digit()) {
                found.insert_str(0, "key_");
            } else if self.mark_underscore && found.starts_with('_') && !found.starts_with("__") {
                found.insert_str(0, "key");
            }
        }
        if only_underscores(&found) { Err(refused()) } else { Ok(found) }
    }

    fn classic_label(&self, name: &str) -> String {
        let reserved = name.strip_prefix("__").and_then(|n| n.strip_suffix("__"));
        let inner = if self.keep_underscores { name } else { reserved.unwrap_or(name) };
        let mut found = String::with_capacity(name.len());
        for c in inner.chars() {
            if c.is_ascii_alphanumeric() {
                found.push(c);
            } else if self.keep_underscores || !found.ends_with('_') {
                found.push('_');
            }
        }
        if reserved.is_some() && !self.keep_underscores { format!("__{found}__") } else { found }
    }
}

/// The unit of a metric in words, always in the classic alphabet: `By/s` is `bytes_per_second`.
pub fn unit_name(unit: &str) -> String {
    let (main, per) = unit_parts(unit);
    let (main, per) = (clean_unit(&main), clean_unit(&per));
    let joined = match (main.is_empty(), per.is_empty()) {
        (false, false) => format!("{main}_{per}"),
        (false, true) => main,
        _ => per,
    };
    let found = joined.strip_prefix('_').unwrap_or(&joined);
    found.strip_suffix('_').unwrap_or(found).to_owned()
}

/// Cuts a suffix and the character before it.
fn trim_suffix(name: &mut String, suffix: &str) {
    if name.ends_with(suffix)
        && let Some(end) = name.len().checked_sub(suffix.len() + 1)
        && end > 0
        && name.is_char_boundary(end)
    {
        name.truncate(end);
    }
}

/// The unit itself, and the unit behind the slash with `per_` in front; annotations in braces are no units.
fn unit_parts(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let known = |text: &str, table: &[(&str, &str)]| {
        let text = text.trim();
        if text.contains(['{', '}']) {
            return String::new();
        }
        table.iter().find(|(short, _)| *short == text).map_or(text, |(_, long)| long).to_owned()
    };
    let per = match known(per, &PER_UNITS) {
        per if per.is_empty() => per,
        per => format!("per_{per}"),
    };
    (known(main, &UNITS), per)
}

/// Invalid characters replaced, runs of underscores joined, none at the beginning.
fn clean_unit(unit: &str) -> String {
    let mut found = String::with_capacity(unit.len());
    for c in unit.chars() {
        if is_name_char(c) {
            found.push(c);
        } else if !found.ends_with('_') {
            found.push('_');
        }
    }
    found.strip_prefix('_').map(str::to_owned).unwrap_or(found)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

fn only_underscores(text: &str) -> bool {
    text.bytes().all(|b| b == b'_')
}

const UNITS: [(&str, &str); 26] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];

const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];
