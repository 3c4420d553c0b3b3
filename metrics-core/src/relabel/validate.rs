//! Which rules make sense.

use std::fmt;

use super::template::reference;
use super::{Action, DEFAULT_REPLACEMENT, DEFAULT_SEPARATOR, Rule};
use crate::NameScheme;

/// A rule that makes no sense, in the words of the original.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// `hashmod` without a modulus.
    ZeroModulus,
    /// The action needs a target label.
    MissingTarget(Action),
    /// The target label is not a label name.
    InvalidTarget(Action, String),
    /// The action takes no replacement.
    UnexpectedReplacement(Action),
    /// The replacement is not a label name.
    InvalidReplacement(Action, String),
    /// The action takes source and target labels only.
    OnlySourceAndTarget(Action),
    /// The action takes a pattern only.
    OnlyPattern(Action),
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroModulus => f.write_str("relabel configuration for hashmod requires non-zero modulus"),
            Self::MissingTarget(a) => {
                write!(f, "relabel configuration for {a} action requires 'target_label' value")
            }
            Self::InvalidTarget(a, label) => write!(f, "{label:?} is invalid 'target_label' for {a} action"),
            Self::UnexpectedReplacement(a) => write!(f, "'replacement' can not be set for {a} action"),
            Self::InvalidReplacement(a, text) => {
                write!(f, "{text:?} is invalid 'replacement' for {a} action")
            }
            Self::OnlySourceAndTarget(a) => {
                write!(f, "{a} action requires only 'source_labels' and `target_label`, and no other fields")
            }
            Self::OnlyPattern(a) => write!(f, "{a} action requires only 'regex', and no other fields"),
        }
    }
}

impl std::error::Error for RuleError {}

impl Rule {
    /// Checks that the rule makes sense under its name scheme.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn validate(&self) -> Result<(), RuleError> {
        use Action::*;
        let action = self.action;
        if action == HashMod && self.modulus == 0 {
            return Err(RuleError::ZeroModulus);
        }
        let writes = matches!(action, Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual);
        if writes && self.target_label.is_empty() {
            return Err(RuleError::MissingTarget(action));
        }
        let target_valid = match action {
            Replace if self.target_label.contains('$') => {
                is_name_template(&self.target_label, self.names) // groups may make it a name
            }
            _ => !writes || self.names.allows_label(&self.target_label),
        };
        if !target_valid {
            return Err(RuleError::InvalidTarget(action, self.target_label.clone()));
        }
        let replaced = self.replacement != DEFAULT_REPLACEMENT;
        if matches!(action, Lowercase | Uppercase | KeepEqual | DropEqual) && replaced {
            return Err(RuleError::UnexpectedReplacement(action));
        }
        if action == LabelMap && !is_name_template(&self.replacement, self.names) {
            return Err(RuleError::InvalidReplacement(action, self.replacement.clone()));
        }
        let plain = self.modulus == 0 && self.separator == DEFAULT_SEPARATOR && !replaced;
        if matches!(action, KeepEqual | DropEqual) && !(plain && self.pattern.is_default()) {
            return Err(RuleError::OnlySourceAndTarget(action));
        }
        let bare = plain && self.source_labels.is_empty() && self.target_label.is_empty();
        if matches!(action, LabelDrop | LabelKeep) && !bare {
            return Err(RuleError::OnlyPattern(action));
        }
        Ok(())
    }
}

/// Whether a text with references can become a label name under a scheme.
pub(super) fn is_name_template(text: &str, names: NameScheme) -> bool {
    if names == NameScheme::Utf8 {
        return names.allows_label(text);
    }
    // Letters and underscores, references, and digits anywhere but in front.
    let (mut rest, mut started) = (text, false);
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '$' => match reference(&rest[1..]) {
                Some((_, tail)) => tail,
                None => return false,
            },
            c if c == '_' || c.is_ascii_alphabetic() || (started && c.is_ascii_digit()) => &rest[1..],
            _ => return false,
        };
        started = true;
    }
    started
}
