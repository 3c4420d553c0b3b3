//! Regular expressions given as options: one that selects, or a pair that includes or excludes by name.

use regex::Regex;

use super::{NodeError, OptionSpec, Settings};

/// Which names a collector shows: all but the excluded, or only the included.
#[derive(Debug, Default)]
pub(super) struct NameFilter {
    exclude: Option<Regex>,
    include: Option<Regex>,
}

impl NameFilter {
    /// The filter of an include and an exclude option. Given only an include, the exclude's default has no effect.
    ///
    /// # Errors
    /// Both are given, or a pattern is not a regular expression.
    pub(super) fn new(
        settings: &Settings,
        exclude: &OptionSpec,
        include: &OptionSpec,
    ) -> Result<Self, NodeError> {
        let include_pattern = pattern(settings, include)?;
        if include_pattern.is_none() {
            return Ok(Self { exclude: pattern(settings, exclude)?, include: None });
        }
        if settings.given(exclude).last().is_some_and(|text| !text.is_empty()) {
            let reason = format!("mutually exclusive with {}", include.name);
            return Err(NodeError::BadOption { option: exclude.name.to_owned(), reason });
        }
        Ok(Self { exclude: None, include: include_pattern })
    }

    /// Whether things of this name are left out.
    pub(super) fn ignores(&self, name: &str) -> bool {
        self.exclude.as_ref().is_some_and(|r| r.is_match(name))
            || self.include.as_ref().is_some_and(|r| !r.is_match(name))
    }
}

/// An option's text as a regular expression; none if the text is empty.
pub(super) fn pattern(settings: &Settings, option: &OptionSpec) -> Result<Option<Regex>, NodeError> {
    let text = settings.text(option);
    if text.is_empty() {
        return Ok(None);
    }
    let regex = Regex::new(text);
    regex
        .map(Some)
        .map_err(|error| NodeError::BadOption { option: option.name.to_owned(), reason: error.to_string() })
}
