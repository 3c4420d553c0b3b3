//! Reads an OpenMetrics page as strictly as the specification.
//!
//! Source: the OpenMetrics 1.0 specification, sections "Metric Types" and "Text Format". The lenient parser
//! checks the grammar of each line; here the lines are checked against each other: metadata before samples and
//! once each, names that clash, samples that belong to their family's type, values and labels that a type
//! demands, grouping, timestamps that go forward, exemplars only where they are allowed.

mod family;
mod histogram;

use std::collections::HashSet;

use metrics_core::MetricType;

use super::Parser;
use crate::cursor::LineParser;
use crate::error::{ParseError, Problem};
use crate::event::{Event, Sample};
use crate::limits::Limits;
use family::Family;

/// Events of a page that keeps every rule of OpenMetrics 1.0.
///
/// ```
/// use expo_format::openmetrics::{Parser, StrictParser};
/// let page = b"# TYPE hits counter\nhits_total -1\n# EOF\n";
/// assert!(Parser::new(page).all(|event| event.is_ok()));
/// let error = StrictParser::new(page).find_map(Result::err).unwrap();
/// assert_eq!(error.to_string(), "line 2, column 1: counter-like samples cannot be negative");
/// ```
#[derive(Debug)]
pub struct StrictParser<'a> {
    parser: Parser<'a>,
    family: Option<Family<'a>>,
    /// Every name that a family before has taken, with the suffixes of its type.
    taken: HashSet<String>,
}

impl<'a> StrictParser<'a> {
    /// A parser at the beginning of a page, with the default limits.
    pub fn new(page: &'a [u8]) -> Self {
        Self::with_limits(page, Limits::default())
    }

    /// A parser that takes no more of a page than the limits allow.
    pub fn with_limits(page: &'a [u8], limits: Limits) -> Self {
        Self { parser: Parser::with_limits(page, limits), family: None, taken: HashSet::new() }
    }

    /// The next event, or `None` behind `# EOF`.
    ///
    /// # Errors
    /// Where and why the page breaks the specification.
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        let line = self.parser.cursor.at;
        let event = self.parser.next_event()?;
        let checked = match &event {
            Some(Event::Sample(sample)) => self.sample(sample),
            Some(metadata) => self.metadata(metadata),
            None => self.finish_family(),
        };
        match checked {
            Ok(()) => Ok(event),
            Err(rule) => Err(self.parser.cursor.page.error(line, Problem::Rule(rule))),
        }
    }

    fn metadata(&mut self, event: &Event<'a>) -> Result<(), Rule> {
        let (Event::Help { name, .. } | Event::Type { name, .. } | Event::Unit { name, .. }) = event else {
            return Ok(());
        };
        if self.family.as_ref().is_none_or(|family| family.name != *name) {
            self.finish_family()?;
            self.family = Some(Family::new(name.clone()));
        }
        let Some(family) = &mut self.family else { return Ok(()) };
        if family.has_samples() {
            return Err("metadata after samples of its metric");
        }
        match event {
            Event::Help { .. } => family.set_help(),
            Event::Type { metric_type, .. } => family.set_type(*metric_type),
            Event::Unit { unit, .. } => family.set_unit(unit),
            _ => Ok(()),
        }
    }

    fn sample(&mut self, sample: &Sample<'a>) -> Result<(), Rule> {
        let name = sample.series.name();
        if self.family.as_ref().is_none_or(|family| !family.owns(&name)) {
            self.finish_family()?;
            let mut unknown = Family::new(name.clone());
            unknown.set_type(MetricType::Unknown)?;
            self.family = Some(unknown);
        }
        match &mut self.family {
            Some(family) => family.sample(&name, sample),
            None => Ok(()),
        }
    }

    /// Checks what only the whole family shows, and takes its names.
    fn finish_family(&mut self) -> Result<(), Rule> {
        let Some(mut family) = self.family.take() else { return Ok(()) };
        family.finish()?;
        for name in family.reserved_names() {
            if !self.taken.insert(name) {
                return Err("clashing name");
            }
        }
        Ok(())
    }
}

impl<'a> Iterator for StrictParser<'a> {
    type Item = Result<Event<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let event = self.next_event();
        if event.is_err() {
            self.parser.end();
            self.family = None;
        }
        event.transpose()
    }
}

/// A rule of the specification that a page broke.
type Rule = &'static str;

#[cfg(test)]
mod tests;
