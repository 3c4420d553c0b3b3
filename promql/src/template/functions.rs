//! The functions that templates may call: those of Go's templates, then those of the field.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::format::printf;
use super::humanize::{humanize, humanize_duration, humanize_percentage, humanize1024};
use super::run::Run;
use super::time::{format_time, layout};
use super::value::TemplateValue as Value;
use super::{Expander, TemplateError};
use crate::parser::quote;
use metrics_core::number::{format_decimal, format_general};

/// A function as it stands in the template.
pub(super) struct Callee<'a> {
    pub(super) name: &'a str,
    pub(super) at: usize,
    pub(super) shown: String,
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The function itself says so.
    Call(String),
    /// It was called with what it does not take.
    Usage(String),
}

impl Failure {
    pub(super) fn into_error(self, run: &Run<'_>, name: &str) -> TemplateError {
        match self {
            Self::Call(why) => run.error(format!("error calling {name}: {why}")),
            Self::Usage(why) => run.error(why),
        }
    }
}

type Called = Result<Value, Failure>;

fn failed<T>(why: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Call(why.into()))
}

/// Names, with the least and the greatest number of arguments.
const FUNCTIONS: &[(&str, usize, Option<usize>)] = &[
    ("and", 1, None),
    ("or", 1, None),
    ("not", 1, Some(1)),
    ("len", 1, Some(1)),
    ("index", 1, None),
    ("slice", 1, Some(4)),
    ("print", 0, None),
    ("println", 0, None),
    ("printf", 1, None),
    ("html", 0, None),
    ("js", 0, None),
    ("urlquery", 0, None),
    ("call", 1, None),
    ("eq", 1, None),
    ("ne", 2, Some(2)),
    ("lt", 2, Some(2)),
    ("le", 2, Some(2)),
    ("gt", 2, Some(2)),
    ("ge", 2, Some(2)),
    ("query", 1, Some(1)),
    ("first", 1, Some(1)),
    ("label", 2, Some(2)),
    ("value", 1, Some(1)),
    ("strvalue", 1, Some(1)),
    ("args", 0, None),
    ("reReplaceAll", 3, Some(3)),
    ("safeHtml", 1, Some(1)),
    ("match", 2, Some(2)),
    ("title", 1, Some(1)),
    ("toUpper", 1, Some(1)),
    ("toLower", 1, Some(1)),
    ("graphLink", 1, Some(1)),
    ("tableLink", 1, Some(1)),
    ("sortByLabel", 2, Some(2)),
    ("stripPort", 1, Some(1)),
    ("stripDomain", 1, Some(1)),
    ("humanize", 1, Some(1)),
    ("humanize1024", 1, Some(1)),
    ("humanizeDuration", 1, Some(1)),
    ("humanizePercentage", 1, Some(1)),
    ("humanizeTimestamp", 1, Some(1)),
    ("toTime", 1, Some(1)),
    ("toDuration", 1, Some(1)),
    ("now", 0, Some(0)),
    ("pathPrefix", 0, Some(0)),
    ("externalURL", 0, Some(0)),
    ("parseDuration", 1, Some(1)),
    ("urlQueryEscape", 1, Some(1)),
];

pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.iter().any(|f| f.0 == name)
}

/// Calls a function.
pub(super) fn call(expander: &Expander<'_>, name: &str, args: &[Value]) -> Called {
    check_count(name, args.len())?;
    let arg = |i: usize| args.get(i).unwrap_or(&Value::Nil);
    Ok(match name {
        "not" => Value::Bool(!arg(0).is_true()),
        "len" => Value::Int(length(arg(0))?),
        "index" => return index(args),
        "slice" => return slice(args),
        "print" => Value::Text(print(args)),
        "println" => Value::Text(println(args)),
        "printf" => Value::Text(printf(text(arg(0))?, args.get(1..).unwrap_or_default())),
        "html" => Value::Text(escape_html(&print(args))),
        "js" => Value::Text(escape_js(&print(args))),
        "urlquery" => Value::Text(query_escape(&print(args))),
        "call" => return failed("non-function"),
        "eq" => {
            let mut equal = false;
            for other in args.get(1..).unwrap_or_default() {
                equal |= equals(arg(0), other)?;
            }
            match args.len() {
                1 => return failed("missing argument for comparison"),
                _ => Value::Bool(equal),
            }
        }
        "ne" => Value::Bool(!equals(arg(0), arg(1))?),
        "lt" => Value::Bool(less(arg(0), arg(1))?),
        "le" => Value::Bool(less(arg(0), arg(1))? || equals(arg(0), arg(1))?),
        "gt" => Value::Bool(!less(arg(0), arg(1))? && !equals(arg(0), arg(1))?),
        "ge" => Value::Bool(!less(arg(0), arg(1))?),
        _ => return field_function(expander, name, args),
    })
}

/// The functions that the field adds.
fn field_function(expander: &Expander<'_>, name: &str, args: &[Value]) -> Called {
    let arg = |i: usize| args.get(i).unwrap_or(&Value::Nil);
    Ok(match name {
        "query" => match (expander.query)(text(arg(0))?) {
            Ok(samples) => Value::Samples(samples),
            Err(why) => return failed(why),
        },
        "first" => match arg(0) {
            Value::Samples(samples) => match samples.first() {
                Some(sample) => Value::Sample(sample.clone()),
                None => return failed("first() called on vector with no elements"),
            },
            other => return wrong_type("template.queryResult", other),
        },
        "label" => match arg(1) {
            Value::Sample(sample) => sample.labels.value(text(arg(0))?).into(),
            other => return wrong_type("*template.sample", other),
        },
        "value" => match arg(0) {
            Value::Sample(sample) => (*sample.value).clone(),
            other => return wrong_type("*template.sample", other),
        },
        "strvalue" => match arg(0) {
            Value::Sample(sample) => sample.labels.value("__value__").into(),
            other => return wrong_type("*template.sample", other),
        },
        "args" => Value::Map(
            args.iter()
                .enumerate()
                .map(|(i, value)| (format!("arg{i}"), value.clone()))
                .collect::<BTreeMap<_, _>>(),
        ),
        "reReplaceAll" => {
            let regex = regex(text(arg(0))?)?;
            let replaced = regex.replace_all(text(arg(2))?, text(arg(1))?);
            Value::Text(replaced.into_owned())
        }
        "safeHtml" => Value::Html(text(arg(0))?.to_owned()),
        "match" => Value::Bool(regex(text(arg(0))?)?.is_match(text(arg(1))?)),
        "title" => Value::Text(title(text(arg(0))?)),
        "toUpper" => Value::Text(text(arg(0))?.to_uppercase()),
        "toLower" => Value::Text(text(arg(0))?.to_lowercase()),
        "graphLink" => Value::Text(link(text(arg(0))?, 0)),
        "tableLink" => Value::Text(link(text(arg(0))?, 1)),
        "sortByLabel" => match arg(1) {
            Value::Samples(samples) => {
                let label = text(arg(0))?;
                let mut sorted = samples.clone();
                sorted.sort_by(|a, b| a.labels.value(label).cmp(b.labels.value(label)));
                Value::Samples(sorted)
            }
            other => return wrong_type("template.queryResult", other),
        },
        "stripPort" => {
            let given = text(arg(0))?;
            Value::Text(split_host_port(given).map_or(given, |(host, _)| host).to_owned())
        }
        "stripDomain" => Value::Text(strip_domain(text(arg(0))?)),
        "humanize" => Value::Text(humanize(float(arg(0))?)),
        "humanize1024" => Value::Text(humanize1024(float(arg(0))?)),
        "humanizeDuration" => Value::Text(humanize_duration(float(arg(0))?)),
        "humanizePercentage" => Value::Text(humanize_percentage(float(arg(0))?)),
        "humanizeTimestamp" => match float(arg(0))? {
            v if v.is_finite() => Value::Text(format_time(to_time(v)?)),
            v => Value::Text(format_decimal(v)),
        },
        "toTime" => match float(arg(0))? {
            v if v.is_finite() => Value::Time(to_time(v)?),
            _ => return failed("value is NaN or Inf"),
        },
        "toDuration" => Value::Duration((float(arg(0))? * 1e9) as i64),
        "now" => Value::Float(expander.now as f64 / 1000.0),
        "pathPrefix" => Value::Text(url_path(expander.external_url).to_owned()),
        "externalURL" => Value::Text(expander.external_url.to_owned()),
        "parseDuration" => Value::Float(parse_duration(text(arg(0))?)?),
        "urlQueryEscape" => Value::Text(query_escape(text(arg(0))?)),
        other => return failed(format!("function {} not defined", quote(other))),
    })
}

fn check_count(name: &str, given: usize) -> Result<(), Failure> {
    let Some((_, least, most)) = FUNCTIONS.iter().find(|f| f.0 == name) else {
        return Ok(());
    };
    let wanted = match most {
        Some(most) if given > *most || given < *least => format!("want {least}"),
        None if given < *least => format!("want at least {least}"),
        _ => return Ok(()),
    };
    Err(Failure::Usage(format!("wrong number of args for {name}: {wanted} got {given}")))
}

fn wrong_type<T>(wanted: &str, found: &Value) -> Result<T, Failure> {
    Err(Failure::Usage(match found {
        Value::Nil => format!("invalid value; expected {wanted}"),
        found => format!("wrong type for value; expected {wanted}; got {}", found.type_name()),
    }))
}

fn text(value: &Value) -> Result<&str, Failure> {
    match value.as_text() {
        Some(text) => Ok(text),
        None => wrong_type("string", value),
    }
}

fn float(value: &Value) -> Result<f64, Failure> {
    Ok(match value {
        Value::Float(v) => *v,
        Value::Int(n) => *n as f64,
        Value::Uint(n) => *n as f64,
        Value::Duration(ns) => *ns as f64 / 1e9,
        Value::Text(t) => match t.trim_start_matches('+').parse() {
            Ok(v) if !t.starts_with(char::is_whitespace) => v,
            _ => return failed(format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(t))),
        },
        other => return failed(format!("can't convert {} to float", other.type_name())),
    })
}

fn length(value: &Value) -> Result<i64, Failure> {
    let n = match value {
        Value::Text(t) | Value::Html(t) => t.len(),
        Value::Labels(l) => l.len(),
        Value::Map(m) => m.len(),
        Value::List(l) => l.len(),
        Value::Samples(s) => s.len(),
        Value::Nil => return failed("len of nil pointer"),
        other => return failed(format!("len of type {}", other.type_name())),
    };
    Ok(n as i64)
}

fn position(index: &Value, length: usize) -> Result<usize, Failure> {
    let n = match index {
        Value::Int(n) => *n,
        Value::Uint(n) => i64::try_from(*n).unwrap_or(i64::MAX),
        Value::Nil => return failed("cannot index slice/array with nil"),
        other => return failed(format!("cannot index slice/array with type {}", other.type_name())),
    };
    match usize::try_from(n) {
        Ok(n) if n < length => Ok(n),
        _ => failed(format!("index out of range: {n}")),
    }
}

fn index(args: &[Value]) -> Called {
    let Some((first, indexes)) = args.split_first() else {
        return failed("index of untyped nil");
    };
    let mut value = first.clone();
    for index in indexes {
        value = match &value {
            Value::List(l) => l[position(index, l.len())?].clone(),
            Value::Samples(s) => Value::Sample(s[position(index, s.len())?].clone()),
            Value::Text(t) => Value::Int(i64::from(t.as_bytes()[position(index, t.len())?])),
            Value::Labels(l) => l.value(text(index)?).into(),
            Value::Map(m) => m.get(text(index)?).cloned().unwrap_or(Value::Nil),
            Value::Nil => return failed("index of nil pointer"),
            other => return failed(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(value)
}

fn slice(args: &[Value]) -> Called {
    let Some((first, bounds)) = args.split_first() else {
        return failed("slice of untyped nil");
    };
    let whole = length(first)? as usize;
    let from = bounds.first().map_or(Ok(0), |b| position(b, whole + 1))?;
    let to = bounds.get(1).map_or(Ok(whole), |b| position(b, whole + 1))?;
    if from > to {
        return failed(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match first {
        Value::Text(t) => match t.get(from..to) {
            Some(part) => part.into(),
            None => Value::Text(String::from_utf8_lossy(&t.as_bytes()[from..to]).into_owned()),
        },
        Value::List(l) => Value::List(l[from..to].to_vec()),
        Value::Samples(s) => Value::Samples(s[from..to].to_vec()),
        other => return failed(format!("can't slice item of type {}", other.type_name())),
    })
}

/// Values side by side, with a space between two that are not texts.
fn print(args: &[Value]) -> String {
    let mut out = String::new();
    for (i, arg) in args.iter().enumerate() {
        if i > 0 && arg.as_text().is_none() && args[i - 1].as_text().is_none() {
            out.push(' ');
        }
        out.push_str(&shown(arg));
    }
    out
}

fn println(args: &[Value]) -> String {
    let texts: Vec<String> = args.iter().map(shown).collect();
    texts.join(" ") + "\n"
}

fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        value => value.to_string(),
    }
}

fn equals(a: &Value, b: &Value) -> Result<bool, Failure> {
    Ok(match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Nil, _) | (_, Value::Nil) => false,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a) | Value::Html(a), Value::Text(b) | Value::Html(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Uint(a), Value::Uint(b)) => a == b,
        (Value::Int(i), Value::Uint(u)) | (Value::Uint(u), Value::Int(i)) => u64::try_from(*i) == Ok(*u),
        (Value::Time(a), Value::Time(b)) | (Value::Duration(a), Value::Duration(b)) => a == b,
        (a, b) if basic(a) && basic(b) => return failed("incompatible types for comparison"),
        (a, b) => {
            let other = if basic(a) { b } else { a };
            return failed(format!("non-comparable type {other}: {}", other.type_name()));
        }
    })
}

fn basic(value: &Value) -> bool {
    matches!(
        value,
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) | Value::Text(_) | Value::Html(_)
    )
}

fn less(a: &Value, b: &Value) -> Result<bool, Failure> {
    let order = match (a, b) {
        (Value::Float(a), Value::Float(b)) => return Ok(a < b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Uint(a), Value::Uint(b)) => a.cmp(b),
        (Value::Int(i), Value::Uint(u)) => u64::try_from(*i).map_or(Ordering::Less, |i| i.cmp(u)),
        (Value::Uint(u), Value::Int(i)) => u64::try_from(*i).map_or(Ordering::Greater, |i| u.cmp(&i)),
        (Value::Text(a) | Value::Html(a), Value::Text(b) | Value::Html(b)) => a.cmp(b),
        (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        (a, b) if basic(a) && basic(b) => match (a, b) {
            (Value::Bool(_), Value::Bool(_)) => return failed("invalid type for comparison"),
            _ => return failed("incompatible types for comparison"),
        },
        _ => return failed("invalid type for comparison"),
    };
    Ok(order == Ordering::Less)
}

fn regex(pattern: &str) -> Result<regex::Regex, Failure> {
    metrics_core::regexp::compile(pattern).map_err(|error| {
        let last = error.to_string().lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
        Failure::Call(format!("error parsing regexp: {last}"))
    })
}

/// Seconds since 1970 as nanoseconds, cut to milliseconds as the original does.
fn to_time(seconds: f64) -> Result<i64, Failure> {
    let nanos = seconds * 1e9;
    if nanos >= i64::MAX as f64 || nanos < i64::MIN as f64 {
        return failed(format!(
            "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
            format_general(seconds)
        ));
    }
    Ok(nanos as i64 / 1_000_000 * 1_000_000)
}

fn parse_duration(given: &str) -> Result<f64, Failure> {
    let (sign, rest) = given.strip_prefix('-').map_or((1.0, given), |rest| (-1.0, rest));
    match metrics_core::time::parse_duration(rest) {
        Ok(duration) => Ok(sign * duration.as_millis() as f64 / 1000.0),
        Err(metrics_core::time::DurationError::Syntax) => {
            failed(format!("not a valid duration string: {}", quote(rest)))
        }
        Err(error) => failed(error.to_string()),
    }
}

/// Host and port of `host:port` or `[host]:port`.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        return (!inner.contains(['[', ']'])).then_some((inner, port));
    }
    (!host.contains([':', '[', ']'])).then_some((host, port))
}

fn strip_domain(text: &str) -> String {
    let (host, port) = split_host_port(text).unwrap_or((text, ""));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let first = host.split('.').next().unwrap_or("");
    match port {
        "" => first.to_owned(),
        port if first.contains(':') => format!("[{first}]:{port}"),
        port => format!("{first}:{port}"),
    }
}

/// Each word's first letter in upper case, the others as they are.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = matches!(c, '\'' | '’' | '.' | ':' | '_')
            && inside
            && (c == '_' || chars.peek().is_some_and(|next| next.is_alphanumeric()));
        if c.is_alphanumeric() && !inside {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        inside = c.is_alphanumeric() || joins;
    }
    out
}

fn link(expr: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", query_escape(expr))
}

/// The path of an absolute URL, without a slash at its end being changed.
fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or("")
}

/// As in the query of a URL: a space becomes `+`.
pub(crate) fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(b)),
            b' ' => out.push('+'),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

pub(super) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// A method of a value: takes arguments, answers with a value or the reason against it.
type Method = Box<dyn Fn(&[Value]) -> Result<Value, String>>;

/// The methods that templates use on times and lengths of time.
pub(super) fn method(value: &Value, name: &str) -> Option<Method> {
    let constant = |value: Value| -> Method { Box::new(move |_| Ok(value.clone())) };
    Some(match (value, name) {
        (Value::Time(ns), "Format") => {
            let ns = *ns;
            Box::new(move |args| match args {
                [format] => match format.as_text() {
                    Some(format) => Ok(Value::Text(layout(ns, format))),
                    None => Err(format!("wrong type for value; expected string; got {}", format.type_name())),
                },
                args => Err(format!("wrong number of args for Format: want 1 got {}", args.len())),
            })
        }
        (Value::Time(ns), "Unix") => constant(Value::Int(ns.div_euclid(1_000_000_000))),
        (Value::Time(ns), "UnixMilli") => constant(Value::Int(ns.div_euclid(1_000_000))),
        (Value::Time(ns), "UnixNano") => constant(Value::Int(*ns)),
        (Value::Time(ns), "UTC" | "Local") => constant(Value::Time(*ns)),
        (Value::Duration(ns), "Seconds") => constant(Value::Float(*ns as f64 / 1e9)),
        (Value::Duration(ns), "Minutes") => constant(Value::Float(*ns as f64 / 6e10)),
        (Value::Duration(ns), "Hours") => constant(Value::Float(*ns as f64 / 3.6e12)),
        (Value::Duration(ns), "Milliseconds") => constant(Value::Int(ns / 1_000_000)),
        (Value::Time(_) | Value::Duration(_), "String") => constant(Value::Text(value.to_string())),
        _ => return None,
    })
}
