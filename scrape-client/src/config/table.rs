//! A section read by its description: every key known, every value of its kind, defaults in place.

use std::path::Path;
use std::time::Duration;

use super::Position;
use super::schema::{Field, Section};
use super::value::{self, Val};
use super::yaml::{Data, Key, Node, Text, YamlError};

/// A section's values, in the order of its fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) section: &'static Section,
    pub(crate) at: Position,
    pub(crate) slots: Vec<Slot>,
}

impl PartialEq for Section {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// One key's value.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) field: &'static Field,
    /// Where the key stands, if it is in the document.
    pub(crate) at: Option<Position>,
    pub(crate) val: Val,
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.val == other.val
    }
}

impl Table {
    /// The section with nothing but defaults.
    pub(crate) fn defaults(section: &'static Section) -> Self {
        let slot = |field| Slot { field, at: None, val: value::default(section, field) };
        let slots = section.flat().into_iter().map(slot).collect();
        Self { section, at: Position::default(), slots }
    }

    /// The section that `null` stands for: every key zero, not its default.
    pub(crate) fn zero(section: &'static Section, at: Position) -> Self {
        let slot = |field: &'static Field| Slot { field, at: None, val: value::zero(&field.kind, at) };
        Self { section, at, slots: section.flat().into_iter().map(slot).collect() }
    }

    /// Reads a section.
    pub(crate) fn read(section: &'static Section, node: &Node) -> Result<Self, YamlError> {
        let pairs = match &node.data {
            Data::Null => return Ok(Self::zero(section, node.at)),
            Data::Map(pairs) => pairs,
            other => return Err(value::mismatch(node.at, other, section.name)),
        };
        let mut table = Self { at: node.at, ..Self::defaults(section) };
        for (key, node) in pairs {
            table.read_key(key, node)?;
        }
        table.run_check()?;
        Ok(table)
    }

    fn read_key(&mut self, key: &Key, node: &Node) -> Result<(), YamlError> {
        let name = key.text.lossy();
        let section = self.section.name;
        let fail = |message| Err(YamlError { at: key.at, message });
        let Some(slot) = self.slots.iter_mut().find(|s| s.field.key == name) else {
            return fail(format!("field {name} not found in type {section}"));
        };
        if slot.at.is_some() {
            return fail(format!("field {name} already set in type {section}"));
        }
        slot.at = Some(key.at);
        slot.val = value::read(&slot.field.kind, node)?;
        Ok(())
    }

    /// Runs the section's own rule.
    fn run_check(&mut self) -> Result<(), YamlError> {
        let at = self.at;
        match self.section.check {
            Some(check) => check(self).map_err(|message| YamlError { at, message }),
            None => Ok(()),
        }
    }

    fn slot(&self, key: &str) -> Option<&Slot> {
        self.slots.iter().find(|s| s.field.key == key)
    }

    /// The value of a key. Asking for a key that the section does not have gives nothing.
    pub(crate) fn get(&self, key: &str) -> &Val {
        debug_assert!(self.slot(key).is_some(), "{} has no key {key}", self.section.name);
        self.slot(key).map_or(&Val::Absent, |s| &s.val)
    }

    /// Replaces a value that validation derives.
    pub(crate) fn set(&mut self, key: &str, val: Val) {
        if let Some(slot) = self.slots.iter_mut().find(|s| s.field.key == key) {
            slot.val = val;
        }
    }

    /// Where a key stands, or else its section.
    pub(crate) fn position(&self, key: &str) -> Position {
        self.slot(key).and_then(|s| s.at).unwrap_or(self.at)
    }

    /// An error at a key of this section.
    pub(crate) fn error(&self, key: &str, message: impl Into<String>) -> YamlError {
        YamlError { at: self.position(key), message: message.into() }
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        match self.get(key) {
            Val::Text(s) => s,
            _ => "",
        }
    }

    /// Text that is there and not empty.
    pub(crate) fn some_text(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|s| !s.is_empty()).map(str::to_owned)
    }

    pub(crate) fn has_text(&self, key: &str) -> bool {
        !self.text(key).is_empty()
    }

    pub(crate) fn bool(&self, key: &str) -> bool {
        self.maybe_bool(key) == Some(true)
    }

    pub(crate) fn maybe_bool(&self, key: &str) -> Option<bool> {
        match self.get(key) {
            Val::Bool(b) => Some(*b),
            _ => None,
        }
    }

    pub(crate) fn int(&self, key: &str) -> i64 {
        match self.get(key) {
            Val::Int(n) => *n,
            _ => 0,
        }
    }

    pub(crate) fn uint(&self, key: &str) -> u64 {
        u64::try_from(self.int(key)).unwrap_or(0)
    }

    pub(crate) fn float(&self, key: &str) -> f64 {
        match self.get(key) {
            Val::Float(v) => *v,
            _ => 0.0,
        }
    }

    pub(crate) fn duration(&self, key: &str) -> Duration {
        match self.get(key) {
            Val::Duration(d) => *d,
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn section(&self, key: &str) -> Option<&Table> {
        match self.get(key) {
            Val::Section(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn list(&self, key: &str) -> &[Val] {
        match self.get(key) {
            Val::List(items) => items,
            _ => &[],
        }
    }

    /// The sections of a list; items that are null are left out.
    pub(crate) fn sections(&self, key: &str) -> impl Iterator<Item = &Table> {
        self.list(key).iter().filter_map(|v| match v {
            Val::Section(table) => Some(table),
            _ => None,
        })
    }

    /// Whether a list has an item that is null.
    pub(crate) fn has_null(&self, key: &str) -> bool {
        self.list(key).contains(&Val::Absent)
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        value::texts(self.get(key))
    }

    pub(crate) fn map(&self, key: &str) -> &[(String, Val)] {
        match self.get(key) {
            Val::Map(pairs) => pairs,
            _ => &[],
        }
    }

    pub(crate) fn text_map(&self, key: &str) -> Vec<(String, String)> {
        let text = |val: &Val| match val {
            Val::Text(s) => s.clone(),
            _ => String::new(),
        };
        self.map(key).iter().map(|(k, v)| (k.clone(), text(v))).collect()
    }

    /// Makes the file names of this section and those below it relative to a folder.
    pub(crate) fn join_paths(&mut self, dir: &Path) {
        for slot in &mut self.slots {
            slot.val.join_paths(&slot.field.kind, dir);
        }
    }
}

/// The text of a key that a map of the user's choice has.
pub(crate) fn user_key(key: &Key) -> Result<String, YamlError> {
    match &key.text {
        Text::Utf8(s) => Ok(s.clone()),
        Text::Bytes(_) => {
            Err(YamlError { at: key.at, message: format!("{} is not a valid label name", key.text.quoted()) })
        }
    }
}
