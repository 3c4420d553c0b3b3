//! Relabeling: rules that rewrite, keep or drop a set of labels.
//!
//! The same rules act on discovered targets, scraped samples, remote-written samples and alerts.
//! Source: `relabel_config` of the Prometheus configuration reference.
//!
//! ```
//! use metrics_core::LabelSet;
//! use metrics_core::relabel::{Action, Rule, relabel};
//! let rules = [Rule {
//!     source_labels: vec!["__address__".into()],
//!     pattern: "(.*):\\d+".parse().unwrap(),
//!     target_label: "host".into(),
//!     ..Rule::new(Action::Replace)
//! }];
//! let target = LabelSet::from_pairs([("__address__", "db1:9100")]);
//! let out = relabel(&target, &rules).unwrap();
//! assert_eq!(out.get("host"), Some("db1"));
//! ```

mod md5;
mod pattern;
mod template;
mod validate;

use std::fmt;

pub use pattern::{Pattern, PatternError};
pub use validate::RuleError;

use crate::{LabelSet, LabelSetBuilder, NameScheme};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Action {
    /// Writes the expanded replacement into the target label where the pattern matches.
    #[default]
    Replace,
    /// Drops the set where the pattern does not match.
    Keep,
    /// Drops the set where the pattern matches.
    Drop,
    /// Drops the set where the source differs from the target label.
    KeepEqual,
    /// Drops the set where the source equals the target label.
    DropEqual,
    /// Writes a hash of the source, modulo `modulus`, into the target label.
    HashMod,
    /// Copies the labels whose names match to names expanded from the replacement.
    LabelMap,
    /// Removes the labels whose names match.
    LabelDrop,
    /// Removes the labels whose names do not match.
    LabelKeep,
    /// Writes the source in lower case into the target label.
    Lowercase,
    /// Writes the source in upper case into the target label.
    Uppercase,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 11] = [
        Self::Replace,
        Self::Keep,
        Self::Drop,
        Self::KeepEqual,
        Self::DropEqual,
        Self::HashMod,
        Self::LabelMap,
        Self::LabelDrop,
        Self::LabelKeep,
        Self::Lowercase,
        Self::Uppercase,
    ];

    /// The action's name in configuration files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
            Self::HashMod => "hashmod",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
        }
    }

    /// The action of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One relabeling rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Labels whose values, joined by the separator, are the rule's source.
    pub source_labels: Vec<String>,
    /// What stands between the joined values.
    pub separator: String,
    /// What the source (or a label name) must match, as a whole.
    pub pattern: Pattern,
    /// What [`Action::HashMod`] divides by.
    pub modulus: u64,
    /// Where the result goes; for [`Action::Replace`] it may refer to groups of the pattern.
    pub target_label: String,
    /// The result, which may refer to groups of the pattern: `$1`, `${1}`, `${name}`.
    pub replacement: String,
    /// What to do.
    pub action: Action,
    /// Which label names the rule may write.
    pub names: NameScheme,
}

/// The separator where none is configured.
pub const DEFAULT_SEPARATOR: &str = ";";
/// The replacement where none is configured.
pub const DEFAULT_REPLACEMENT: &str = "$1";

impl Rule {
    /// A rule with the defaults of the field: separator `;`, pattern `(.*)`, replacement `$1`.
    pub fn new(action: Action) -> Self {
        Self {
            source_labels: Vec::new(),
            separator: DEFAULT_SEPARATOR.to_owned(),
            pattern: Pattern::default(),
            modulus: 0,
            target_label: String::new(),
            replacement: DEFAULT_REPLACEMENT.to_owned(),
            action,
            names: NameScheme::default(),
        }
    }

    /// Applies the rule; `false` means that the set is dropped.
    fn apply(&self, labels: &mut LabelSetBuilder) -> bool {
        match self.action {
            Action::Keep => return self.pattern.is_match(&self.source(labels)),
            Action::Drop => return !self.pattern.is_match(&self.source(labels)),
            Action::KeepEqual => return self.target(labels) == self.source(labels),
            Action::DropEqual => return self.target(labels) != self.source(labels),
            Action::Replace => self.replace(labels),
            Action::HashMod if self.modulus == 0 => {}
            Action::HashMod => {
                let hash = md5::low_half(self.source(labels).as_bytes()) % self.modulus;
                labels.set(&self.target_label, hash.to_string());
            }
            Action::LabelMap => self.map_names(labels),
            Action::LabelDrop => drop(labels.retain(|name, _| !self.pattern.is_match(name))),
            Action::LabelKeep => drop(labels.retain(|name, _| self.pattern.is_match(name))),
            Action::Lowercase => {
                let lower = template::map_chars(&self.source(labels), char::to_lowercase);
                labels.set(&self.target_label, lower);
            }
            Action::Uppercase => {
                let upper = template::map_chars(&self.source(labels), char::to_uppercase);
                labels.set(&self.target_label, upper);
            }
        }
        true
    }

    fn source(&self, labels: &LabelSetBuilder) -> String {
        let mut out = String::new();
        for (i, name) in self.source_labels.iter().enumerate() {
            if i > 0 {
                out.push_str(&self.separator);
            }
            out.push_str(labels.get(name).unwrap_or(""));
        }
        out
    }

    fn target<'a>(&self, labels: &'a LabelSetBuilder) -> &'a str {
        labels.get(&self.target_label).unwrap_or("")
    }

    fn replace(&self, labels: &mut LabelSetBuilder) {
        let source = self.source(labels);
        let Some(groups) = self.pattern.captures(&source) else {
            return;
        };
        let target = template::expand(&self.target_label, &groups);
        if self.names.allows_label(&target) {
            labels.set(&target, template::expand(&self.replacement, &groups));
        }
    }

    fn map_names(&self, labels: &mut LabelSetBuilder) {
        let mut copies = Vec::new();
        for (name, value) in labels.iter() {
            if let Some(groups) = self.pattern.captures(name) {
                copies.push((template::expand(&self.replacement, &groups), value.to_owned()));
            }
        }
        for (name, value) in copies {
            labels.set(&name, value);
        }
    }
}

/// Applies rules in order; `None` means that a rule dropped the set.
pub fn relabel(labels: &LabelSet, rules: &[Rule]) -> Option<LabelSet> {
    if rules.is_empty() {
        return Some(labels.clone());
    }
    let mut builder = labels.to_builder();
    relabel_builder(&mut builder, rules).then(|| builder.build())
}

/// Applies rules in order to labels under construction; `false` means that a rule dropped the set.
pub fn relabel_builder(labels: &mut LabelSetBuilder, rules: &[Rule]) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

#[cfg(test)]
mod tests;
