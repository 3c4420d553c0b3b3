//! Values of the kinds that keys may have, and how the original reads them.

use std::path::Path;
use std::time::Duration;

use metrics_core::relabel::Pattern;
use metrics_core::time::parse_duration;

use super::Position;
use super::schema::{Field, Kind, Section};
use super::table::{Table, user_key};
use super::yaml::{Data, Node, Text, YamlError};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    /// Nothing: a missing section, list or answer.
    Absent,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Duration(Duration),
    /// Bytes.
    Size(u64),
    Pattern(Pattern),
    Section(Table),
    List(Vec<Val>),
    /// Sorted by key.
    Map(Vec<(String, Val)>),
    Any(Node),
}

impl Val {
    /// Whether this is the zero value of its kind.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Bool(b) => !b,
            Self::Int(n) => *n == 0,
            Self::Float(v) => *v == 0.0,
            Self::Text(s) => s.is_empty(),
            Self::Duration(d) => d.is_zero(),
            Self::Size(n) => *n == 0,
            Self::Pattern(p) => p.is_default(),
            Self::Section(table) => table.slots.iter().all(|s| s.val.is_zero()),
            Self::List(items) => items.is_empty(),
            Self::Map(pairs) => pairs.is_empty(),
            Self::Any(node) => node.data == Data::Null,
        }
    }

    pub(crate) fn join_paths(&mut self, kind: &Kind, dir: &Path) {
        match (self, kind) {
            (Self::Text(path), Kind::Path) if !path.is_empty() => *path = join(dir, path),
            (Self::Section(table), _) => table.join_paths(dir),
            (Self::List(items), Kind::List(kind) | Kind::FlowList(kind)) => {
                items.iter_mut().for_each(|v| v.join_paths(kind, dir));
            }
            (Self::Map(pairs), Kind::Map(kind)) => {
                pairs.iter_mut().for_each(|(_, v)| v.join_paths(kind, dir))
            }
            _ => {}
        }
    }
}

/// Joins as the original does: the result has no `./` and no `a/../` in it.
fn join(dir: &Path, path: &str) -> String {
    use std::path::Component;
    if Path::new(path).is_absolute() {
        return path.to_owned();
    }
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in dir.components().chain(Path::new(path).components()) {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.last(), Some(Component::Normal(_))) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.iter().collect::<std::path::PathBuf>().display().to_string()
}

/// The texts of a list.
pub(crate) fn texts(val: &Val) -> Vec<String> {
    let Val::List(items) = val else { return Vec::new() };
    let text = |v: &Val| match v {
        Val::Text(s) => s.clone(),
        _ => String::new(),
    };
    items.iter().map(text).collect()
}

/// The value of a field that the document does not mention.
pub(crate) fn default(section: &Section, field: &'static Field) -> Val {
    let text = section.default_of(field);
    let at = Position::default();
    match field.kind {
        Kind::One(section) => Val::Section(Table::defaults(section)),
        _ if text.is_empty() => zero(&field.kind, at),
        kind => {
            let node = Node { at, data: Data::Scalar { text: Text::Utf8(text.to_owned()), plain: true } };
            read(&kind, &node).unwrap_or(Val::Absent)
        }
    }
}

/// The value that `null` stands for.
pub(crate) fn zero(kind: &Kind, at: Position) -> Val {
    match kind {
        Kind::Bool => Val::Bool(false),
        Kind::Int | Kind::Uint => Val::Int(0),
        Kind::Float => Val::Float(0.0),
        Kind::Text | Kind::Word(_) | Kind::Secret | Kind::Path | Kind::Url => Val::Text(String::new()),
        Kind::Duration => Val::Duration(Duration::ZERO),
        Kind::Size => Val::Size(0),
        Kind::Pattern => Val::Pattern(Pattern::default()),
        Kind::One(section) => Val::Section(Table::zero(section, at)),
        _ => Val::Absent,
    }
}

/// Reads a value of a kind.
pub(crate) fn read(kind: &Kind, node: &Node) -> Result<Val, YamlError> {
    let at = node.at;
    let fail = |message: String| Err(YamlError { at, message });
    if node.data == Data::Null {
        return match kind {
            // A null pattern is the empty one, not the default.
            Kind::Pattern => read_pattern("", at),
            _ => Ok(zero(kind, at)),
        };
    }
    let wrong = |what: &str| Err(mismatch(at, &node.data, what));
    match kind {
        Kind::One(section) | Kind::Maybe(section) | Kind::Inline(section) => {
            return Table::read(section, node).map(Val::Section);
        }
        Kind::Any => return Ok(Val::Any(node.clone())),
        Kind::List(item) | Kind::FlowList(item) => {
            return match &node.data {
                Data::List(items) => {
                    items.iter().map(|n| read(item, n)).collect::<Result<_, _>>().map(Val::List)
                }
                // One scalar stands for a list of one, as in the original's YAML library.
                Data::Scalar { .. } if matches!(item, Kind::Text | Kind::Path) => wrong("[]string"),
                _ => wrong("[]string"),
            };
        }
        Kind::Map(_) | Kind::Labels => return read_map(kind, node),
        _ => {}
    }
    let Data::Scalar { text, plain } = &node.data else { return wrong(go_type(kind)) };
    let Text::Utf8(text) = text else {
        return fail(format!("{} is not a valid label value", text.quoted()));
    };
    let text = text.as_str();
    match kind {
        Kind::Text | Kind::Secret | Kind::Path | Kind::Url => Ok(Val::Text(text.to_owned())),
        Kind::Word(check) => match check(text) {
            Ok(()) => Ok(Val::Text(text.to_owned())),
            Err(message) => fail(message),
        },
        Kind::Bool | Kind::MaybeBool => match boolean(text) {
            Some(b) if *plain => Ok(Val::Bool(b)),
            _ => wrong("bool"),
        },
        Kind::Int | Kind::Uint => match integer(text) {
            Some(n) if *plain && (n >= 0 || matches!(kind, Kind::Int)) => Ok(Val::Int(n)),
            _ => wrong(go_type(kind)),
        },
        Kind::Float => match text.replace('_', "").parse::<f64>() {
            Ok(v) if *plain => Ok(Val::Float(v)),
            _ => wrong("float64"),
        },
        Kind::Duration => match parse_duration(text) {
            Ok(d) => Ok(Val::Duration(d)),
            Err(e) if text.is_empty() => fail(e.to_string()),
            Err(e) => fail(format!("{e}: {text:?}")),
        },
        Kind::Size => match size(text) {
            Some(n) => Ok(Val::Size(n)),
            None => fail(format!("units: invalid {text:?}")),
        },
        Kind::Pattern => read_pattern(text, at),
        _ => wrong(go_type(kind)),
    }
}

fn read_pattern(text: &str, at: Position) -> Result<Val, YamlError> {
    Pattern::new(text).map(Val::Pattern).map_err(|e| YamlError { at, message: e.to_string() })
}

fn read_map(kind: &Kind, node: &Node) -> Result<Val, YamlError> {
    let Data::Map(pairs) = &node.data else {
        return Err(mismatch(node.at, &node.data, "map[string]string"));
    };
    let item = match kind {
        Kind::Map(item) => *item,
        _ => &Kind::Text,
    };
    let mut out: Vec<(String, Val)> = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let name = user_key(key)?;
        if matches!(kind, Kind::Labels) && name.is_empty() {
            return Err(YamlError { at: key.at, message: "\"\" is not a valid label name".to_owned() });
        }
        if out.iter().any(|(k, _)| *k == name) {
            return Err(YamlError { at: key.at, message: format!("key {name:?} already set in map") });
        }
        out.push((name, read(item, value)?));
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Val::Map(out))
}

/// The original's name for what a kind takes.
fn go_type(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool | Kind::MaybeBool => "bool",
        Kind::Int => "int",
        Kind::Uint => "uint",
        Kind::Float => "float64",
        _ => "string",
    }
}

/// An error about a node that is not what its key takes.
pub(crate) fn mismatch(at: Position, data: &Data, wanted: &str) -> YamlError {
    let (tag, value) = match data {
        Data::Null => ("!!null", String::new()),
        Data::List(_) => ("!!seq", String::new()),
        Data::Map(_) => ("!!map", String::new()),
        Data::Scalar { text, plain } => {
            let text = text.lossy();
            let tag = match plain {
                true if boolean(&text).is_some() => "!!bool",
                true if integer(&text).is_some() => "!!int",
                true if text.parse::<f64>().is_ok() => "!!float",
                _ => "!!str",
            };
            let short = match text.char_indices().nth(10) {
                Some(_) => format!("{}...", text.chars().take(7).collect::<String>()),
                None => text.into_owned(),
            };
            (tag, format!(" `{short}`"))
        }
    };
    YamlError { at, message: format!("cannot unmarshal {tag}{value} into {wanted}") }
}

/// Booleans of YAML 1.1, as the original takes them.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Whole numbers of YAML 1.1: decimal, `0x`, `0b`, `0o` and old-style octal, with `_` between digits.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let clean = text.replace('_', "");
    let (negative, digits) = match clean.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, clean.strip_prefix('+').unwrap_or(&clean)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let n = i64::from_str_radix(digits, radix).ok()?;
    Some(if negative { -n } else { n })
}

/// Multiples of bytes, all by 1024 whatever the spelling, as the original has them.
const SIZE_UNITS: [(&str, u32); 14] = [
    ("B", 0),
    ("KB", 10),
    ("KiB", 10),
    ("MB", 20),
    ("MiB", 20),
    ("GB", 30),
    ("GiB", 30),
    ("TB", 40),
    ("TiB", 40),
    ("PB", 50),
    ("PiB", 50),
    ("EB", 60),
    ("EiB", 60),
    ("", 64),
];

/// Reads a number of bytes as configuration files and flags write it: `15MB`, `1GiB512MiB`, `0`. All units are
/// multiples of 1024.
pub fn size(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut total) = (text, 0f64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let (_, shift) = SIZE_UNITS.iter().find(|(name, shift)| *name == unit && *shift < 64)?;
        total += number.parse::<f64>().ok()? * (1u64 << shift) as f64;
        rest = tail;
    }
    (total < i64::MAX as f64).then_some(total as u64)
}

/// Prints a size in its largest whole units, such as `15MiB`.
pub fn format_size(mut bytes: u64) -> String {
    if bytes == 0 {
        return "0B".to_owned();
    }
    let mut out = String::new();
    for (name, shift) in
        [("EiB", 60), ("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)]
    {
        let n = bytes >> shift;
        if n > 0 {
            out.push_str(&format!("{n}{name}"));
            bytes -= n << shift;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("15MB"), Some(15 << 20));
        assert_eq!(size("1GiB512MiB"), Some((1 << 30) + (512 << 20)));
        assert_eq!(size("1.5KB"), Some(1536));
        assert_eq!(size("0"), Some(0));
        for bad in ["", "15", "15 MB", "MB", "99999EB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
        assert_eq!(format_size((1 << 30) + 5), "1GiB5B");
    }

    #[test]
    fn integers_of_yaml_1_1() {
        for (text, n) in [("12", 12), ("-3", -3), ("0x1f", 31), ("0777", 511), ("1_000", 1000), ("0b11", 3)] {
            assert_eq!(integer(text), Some(n), "{text}");
        }
        for text in ["", "a", "1.5", "08", "--1", "+"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn paths_are_joined_and_cleaned() {
        assert_eq!(join(Path::new("/etc/prom"), "rules/*.yml"), "/etc/prom/rules/*.yml");
        assert_eq!(join(Path::new("/etc/prom"), "../x.yml"), "/etc/x.yml");
        assert_eq!(join(Path::new("."), "./x.yml"), "x.yml");
        assert_eq!(join(Path::new("a"), "/x.yml"), "/x.yml");
    }
}
