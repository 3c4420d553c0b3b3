//! The document printed as the original prints it: keys in their order, zero values left out unless the key is
//! always shown, secrets masked.

use metrics_core::time::format_duration;

use super::schema::{Field, Kind};
use super::table::Table;
use super::value::{Val, boolean, format_size, integer};
use super::yaml::{Data, Node};

/// Prints a section as a YAML document.
pub(super) fn yaml(table: &Table) -> String {
    let mut out = String::new();
    section(&mut out, table, 0);
    if out.is_empty() { "{}\n".to_owned() } else { out }
}

fn section(out: &mut String, table: &Table, indent: usize) {
    for slot in &table.slots {
        if shown(slot.field, &slot.val) {
            pad(out, indent);
            out.push_str(slot.field.key);
            out.push(':');
            value(out, &slot.field.kind, &slot.val, indent);
        }
    }
}

fn shown(field: &Field, val: &Val) -> bool {
    match (&field.kind, val) {
        (_, Val::Absent) => field.always,
        (Kind::MaybeBool | Kind::Maybe(_), _) => true,
        (Kind::Pattern, Val::Pattern(p)) => !p.is_default(),
        _ => field.always || !val.is_zero(),
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Prints what follows a key's colon.
fn value(out: &mut String, kind: &Kind, val: &Val, indent: usize) {
    match (kind, val) {
        (_, Val::Section(table)) => {
            let mut inner = String::new();
            section(&mut inner, table, indent + 2);
            match inner.is_empty() {
                true => out.push_str(" {}\n"),
                false => {
                    out.push('\n');
                    out.push_str(&inner);
                }
            }
        }
        (Kind::FlowList(item), Val::List(items)) => {
            let items: Vec<String> = items.iter().map(|v| scalar(item, v)).collect();
            out.push_str(&format!(" [{}]\n", items.join(", ")));
        }
        (Kind::List(_), Val::Absent) => out.push_str(" []\n"),
        (_, Val::List(items)) if items.is_empty() => out.push_str(" []\n"),
        (Kind::List(item), Val::List(items)) => {
            out.push('\n');
            items.iter().for_each(|v| list_item(out, item, v, indent));
        }
        (_, Val::Map(pairs)) => {
            let item = match kind {
                Kind::Map(item) => *item,
                _ => &Kind::Text,
            };
            out.push('\n');
            for (key, val) in pairs {
                pad(out, indent + 2);
                out.push_str(&text(key));
                out.push(':');
                value(out, item, val, indent + 2);
            }
        }
        (_, Val::Any(node)) => {
            out.push(' ');
            any(out, node);
            out.push('\n');
        }
        _ => {
            out.push(' ');
            out.push_str(&scalar(kind, val));
            out.push('\n');
        }
    }
}

fn list_item(out: &mut String, kind: &Kind, val: &Val, indent: usize) {
    let start = out.len();
    pad(out, indent);
    out.push_str("- ");
    match val {
        Val::Section(table) => {
            let mut inner = String::new();
            section(&mut inner, table, indent + 2);
            match inner.get(indent + 2..) {
                Some(rest) => out.push_str(rest),
                None => out.push_str("{}\n"),
            }
        }
        _ => {
            out.push_str(&scalar(kind, val));
            out.push('\n');
        }
    }
    debug_assert!(out.len() > start);
}

fn scalar(kind: &Kind, val: &Val) -> String {
    match (kind, val) {
        (Kind::Secret, Val::Text(s)) if !s.is_empty() => "<secret>".to_owned(),
        (Kind::Url, Val::Text(s)) => text(&mask_password(s)),
        (_, Val::Text(s)) => text(s),
        (_, Val::Bool(b)) => b.to_string(),
        (_, Val::Int(n)) => n.to_string(),
        (_, Val::Float(v)) => v.to_string(),
        (_, Val::Duration(d)) => format_duration(*d),
        (_, Val::Size(bytes)) => format_size(*bytes),
        (_, Val::Pattern(p)) => text(p.as_str()),
        _ => "null".to_owned(),
    }
}

/// `http://user:pw@host` with the password replaced by `xxxxx`, as the original prints URLs.
fn mask_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    match authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
        Some((user, password)) => {
            let after = &rest[user.len() + 1 + password.len()..];
            format!("{scheme}://{user}:xxxxx{after}")
        }
        None => url.to_owned(),
    }
}

/// A text as YAML: plain where it reads back as the same text, else in quotes.
fn text(s: &str) -> String {
    let special = |c: char| {
        matches!(c, ':' | '{' | '}' | '[' | ']' | ',' | '&' | '*' | '#' | '?' | '|' | '-')
            || matches!(c, '<' | '>' | '=' | '!' | '%' | '@' | '\\' | '"' | '\'' | '`')
    };
    let reads_otherwise = s.is_empty()
        || boolean(s).is_some()
        || integer(s).is_some()
        || s.parse::<f64>().is_ok()
        || matches!(s, "~" | "null" | "Null" | "NULL" | "<<" | "=");
    if reads_otherwise {
        return format!("\"{s}\"");
    }
    if s.chars().any(char::is_control) {
        return format!("{s:?}");
    }
    // Signs that are harmless unless they come first and mean something there.
    let bad_start = s.starts_with(|c: char| special(c) && !matches!(c, '-' | '?' | ':' | '=' | '<' | '\\'))
        || ["- ", "? ", ": "].iter().any(|p| s.starts_with(p))
        || matches!(s, "-" | "?" | ":");
    let breaks = s.contains(": ") || s.contains(" #") || s.ends_with(':') || s != s.trim();
    if bad_start || breaks { format!("'{}'", s.replace('\'', "''")) } else { s.to_owned() }
}

fn any(out: &mut String, node: &Node) {
    match &node.data {
        Data::Null => out.push_str("null"),
        Data::Scalar { text: t, .. } => out.push_str(&text(&t.lossy())),
        Data::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                any(out, item);
            }
            out.push(']');
        }
        Data::Map(pairs) => {
            out.push('{');
            for (i, (key, item)) in pairs.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                out.push_str(&text(&key.text.lossy()));
                out.push_str(": ");
                any(out, item);
            }
            out.push('}');
        }
    }
}
