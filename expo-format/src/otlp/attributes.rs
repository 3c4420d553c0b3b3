//! Attributes, and the labels that they become.

use std::collections::BTreeMap;

use metrics_core::{LabelSet, METRIC_NAME};

use super::names::{NameError, Naming};
use crate::error::WireError;
use crate::number::write_shortest_plain;
use crate::wire::{Field, Reader};

/// Keys and values as text.
pub(super) type Attributes = Vec<(String, String)>;

/// A `KeyValue` message.
pub(super) fn read_attribute(field: &Field<'_>) -> Result<(String, String), WireError> {
    let (mut key, mut value) = (String::new(), String::new());
    let mut fields = field.message()?;
    while let Some(field) = fields.field()? {
        match field.number {
            1 => key = field.string()?.to_owned(),
            2 => value = text_of(field.message()?)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// An `AnyValue` message as text: plain values as they are, lists and maps as JSON, bytes as base64.
fn text_of(fields: Reader<'_>) -> Result<String, WireError> {
    let mut out = String::new();
    write_value(&mut out, fields, Quoting::Plain)?;
    Ok(out)
}

#[derive(Clone, Copy, PartialEq)]
enum Quoting {
    Plain,
    Json,
}

fn write_value(out: &mut String, mut fields: Reader<'_>, quoting: Quoting) -> Result<(), WireError> {
    let start = out.len();
    while let Some(field) = fields.field()? {
        // Of several values the last one counts.
        out.truncate(start);
        match field.number {
            1 => write_text(out, field.string()?, quoting),
            2 => out.push_str(if field.uint64()? != 0 { "true" } else { "false" }),
            3 => out.push_str(itoa::Buffer::new().format(field.int64()?)),
            4 => {
                let mut number = Vec::new();
                write_shortest_plain(&mut number, field.double()?);
                out.push_str(&String::from_utf8_lossy(&number));
            }
            5 => write_list(out, field.message()?.nested()?)?,
            6 => write_map(out, field.message()?.nested()?)?,
            7 => write_text(out, &base64(field.bytes()?), quoting),
            _ => {}
        }
    }
    if quoting == Quoting::Json && out.len() == start {
        out.push_str("null");
    }
    Ok(())
}

fn write_list(out: &mut String, mut fields: Reader<'_>) -> Result<(), WireError> {
    out.push('[');
    let mut separator = "";
    while let Some(field) = fields.field()? {
        if field.number == 1 {
            out.push_str(std::mem::replace(&mut separator, ","));
            write_value(out, field.message()?, Quoting::Json)?;
        }
    }
    out.push(']');
    Ok(())
}

fn write_map(out: &mut String, mut fields: Reader<'_>) -> Result<(), WireError> {
    // In order of their keys, as the original's JSON has them.
    let mut entries = BTreeMap::new();
    while let Some(field) = fields.field()? {
        if field.number != 1 {
            continue;
        }
        let (mut key, mut value) = ("", String::from("null"));
        let mut parts = field.message()?;
        while let Some(part) = parts.field()? {
            match part.number {
                1 => key = part.string()?,
                2 => {
                    value.clear();
                    write_value(&mut value, part.message()?, Quoting::Json)?;
                }
                _ => {}
            }
        }
        entries.insert(key, value);
    }
    out.push('{');
    let mut separator = "";
    for (key, value) in entries {
        out.push_str(std::mem::replace(&mut separator, ","));
        write_text(out, key, Quoting::Json);
        out.push(':');
        out.push_str(&value);
    }
    out.push('}');
    Ok(())
}

fn write_text(out: &mut String, text: &str, quoting: Quoting) {
    if quoting == Quoting::Plain {
        return out.push_str(text);
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let six = (word >> (18 - 6 * i) & 63) as usize;
            out.push(if i <= chunk.len() { ALPHABET[six] as char } else { '=' });
        }
    }
    out
}

/// Labels that all series of a resource, or of a scope in it, share.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    /// Promoted resource attributes: used where a point has no label of that name.
    pub(super) promoted: Vec<(String, String)>,
    pub(super) job: String,
    pub(super) instance: String,
    /// Labels of the scope: they win.
    pub(super) scope: Vec<(String, String)>,
}

impl Shared {
    /// The labels of a point, without a metric name. Attributes whose names become the same are joined by `;` in
    /// order of their keys.
    pub(super) fn labels(
        &self,
        attributes: &Attributes,
        naming: &Naming,
        ignored: &[&str],
    ) -> Result<BTreeMap<String, String>, NameError> {
        let mut sorted: Vec<&(String, String)> = attributes
            .iter()
            .filter(|(key, _)| key != METRIC_NAME && !ignored.contains(&key.as_str()))
            .collect();
        sorted.sort();
        let mut labels: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in sorted {
            let name = if naming.utf8 { key.clone() } else { naming.label(key)? };
            match labels.get_mut(&name) {
                Some(existing) if !existing.is_empty() && !naming.utf8 => {
                    existing.push(';');
                    existing.push_str(value);
                }
                _ => drop(labels.insert(name, value.clone())),
            }
        }
        for (name, value) in &self.promoted {
            if labels.get(name).is_none_or(String::is_empty) {
                labels.insert(name.clone(), value.clone());
            }
        }
        for (name, value) in [("job", &self.job), ("instance", &self.instance)] {
            if !value.is_empty() {
                labels.insert(name.to_owned(), value.clone());
            }
        }
        labels.extend(self.scope.iter().cloned());
        Ok(labels)
    }
}

/// Labels with a metric name and perhaps one more.
pub(super) fn label_set(
    labels: &BTreeMap<String, String>,
    name: &str,
    extra: Option<(&str, &str)>,
) -> LabelSet {
    let own = labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    LabelSet::from_pairs(own.chain(extra).chain([(METRIC_NAME, name)]))
}
