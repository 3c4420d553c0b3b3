//! How the document's sections are described: one table row per key, in the order in which the original prints
//! them. Reading, refusing unknown keys, filling defaults and printing all follow these tables.

use super::table::Table;

/// A section: a map with known keys.
#[derive(Debug)]
pub(crate) struct Section {
    /// The name of the original's type, which its messages mention.
    pub(crate) name: &'static str,
    /// Its keys.
    pub(crate) fields: &'static [Field],
    /// Defaults that differ from those of inlined fields.
    pub(crate) overrides: &'static [(&'static str, &'static str)],
    /// What must hold for the whole section.
    pub(crate) check: Option<Check>,
}

/// A rule about a whole section, which may also fill in what follows from other keys; the error is in the
/// original's words.
pub(crate) type Check = fn(&mut Table) -> Result<(), String>;

impl Section {
    pub(crate) const fn new(name: &'static str, fields: &'static [Field]) -> Self {
        Self { name, fields, overrides: &[], check: None }
    }

    pub(crate) const fn check(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }

    pub(crate) const fn overrides(mut self, pairs: &'static [(&'static str, &'static str)]) -> Self {
        self.overrides = pairs;
        self
    }

    /// All fields, those of inlined sections in their place.
    pub(crate) fn flat(&'static self) -> Vec<&'static Field> {
        let mut out = Vec::with_capacity(self.fields.len());
        for field in self.fields {
            match field.kind {
                Kind::Inline(section) => out.extend(section.flat()),
                _ => out.push(field),
            }
        }
        out
    }

    pub(crate) fn default_of(&self, field: &Field) -> &'static str {
        self.overrides.iter().find(|(key, _)| *key == field.key).map_or(field.default, |(_, value)| value)
    }
}

/// One key of a section.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    /// The default as it would be written in the file; empty for the zero value.
    pub(crate) default: &'static str,
    /// Whether it is printed even where its value is zero.
    pub(crate) always: bool,
}

impl Field {
    pub(crate) const fn new(key: &'static str, kind: Kind) -> Self {
        Self { key, kind, default: "", always: false }
    }

    pub(crate) const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    pub(crate) const fn always(mut self) -> Self {
        self.always = true;
        self
    }
}

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// true or false.
    Bool,
    /// true, false, or not said.
    MaybeBool,
    /// A whole number.
    Int,
    /// A whole number, zero or more.
    Uint,
    /// Any number.
    Float,
    /// Text.
    Text,
    /// Text that a rule accepts.
    Word(fn(&str) -> Result<(), String>),
    /// Text that is never printed.
    Secret,
    /// A file, relative to the document.
    Path,
    /// A URL; its password is never printed.
    Url,
    /// A duration such as `1h30m`.
    Duration,
    /// A number of bytes such as `15MB`.
    Size,
    /// A regular expression.
    Pattern,
    /// A section that is always there.
    One(&'static Section),
    /// A section that may be missing.
    Maybe(&'static Section),
    /// The fields of another section among those of this one.
    Inline(&'static Section),
    /// A list.
    List(&'static Kind),
    /// A list that is printed on one line.
    FlowList(&'static Kind),
    /// A map with keys of the user's choice.
    Map(&'static Kind),
    /// Label names and values.
    Labels,
    /// Anything.
    Any,
}

pub(crate) const TEXTS: Kind = Kind::List(&Kind::Text);
pub(crate) const TEXT_MAP: Kind = Kind::Map(&Kind::Text);
