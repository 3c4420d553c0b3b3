//! `check rules`: reads rule files and tells what is wrong with them.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use promql::parser::ParserOptions;
use promql::rules::{RuleFile, RuleFileOptions, parse_rules};

/// What a check may choose.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CheckOptions {
    /// Whether rules of the same name and labels are complained about.
    pub duplicates: bool,
    /// Whether such complaints fail the check.
    pub fatal: bool,
    /// Whether unknown fields are passed over.
    pub ignore_unknown_fields: bool,
    /// What queries may use.
    pub parser: ParserOptions,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            duplicates: true,
            fatal: false,
            ignore_unknown_fields: false,
            parser: ParserOptions::default(),
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Good,
    /// Something is wrong.
    Bad,
    /// Nothing is wrong, but something is not as it should be.
    Lint,
}

/// Checks files, or standard input where there are none.
///
/// # Errors
/// If the outputs cannot be written.
pub fn check_rules(
    files: &[impl AsRef<Path>],
    options: &CheckOptions,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Outcome> {
    let mut outcome = Outcome::Good;
    if files.is_empty() {
        let mut text = String::new();
        writeln!(out, "Checking standard input")?;
        io::stdin().read_to_string(&mut text)?;
        return check_text(&text, None, options, out, err);
    }
    for path in files {
        let shown = path.as_ref().display().to_string();
        writeln!(out, "Checking {shown}")?;
        let found = match std::fs::read_to_string(path) {
            Ok(text) => check_text(&text, Some(&shown), options, out, err)?,
            Err(error) => {
                writeln!(err, "  FAILED:\n{shown}: {error}")?;
                Outcome::Bad
            }
        };
        outcome = match (outcome, found) {
            (Outcome::Bad, _) | (_, Outcome::Bad) => Outcome::Bad,
            (Outcome::Lint, _) | (_, Outcome::Lint) => Outcome::Lint,
            _ => Outcome::Good,
        };
    }
    Ok(outcome)
}

fn check_text(
    text: &str,
    path: Option<&str>,
    options: &CheckOptions,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Outcome> {
    let mut reading = RuleFileOptions::default();
    reading.parser = options.parser.clone();
    reading.ignore_unknown_fields = options.ignore_unknown_fields;
    let file = match parse_rules(text, &reading) {
        Ok(file) => file,
        Err(errors) => {
            writeln!(err, "  FAILED:")?;
            for error in errors {
                match path {
                    Some(path) => writeln!(err, "{path}: {error}")?,
                    None => writeln!(err, "{error}")?,
                }
            }
            return Ok(Outcome::Bad);
        }
    };
    let duplicates = if options.duplicates { duplicates(&file) } else { Vec::new() };
    if duplicates.is_empty() {
        let rules: usize = file.groups.iter().map(|g| g.rules.len()).sum();
        writeln!(out, "  SUCCESS: {rules} rules found")?;
        writeln!(out)?;
        return Ok(Outcome::Good);
    }
    writeln!(err, "  FAILED:")?;
    writeln!(err, "lint error {} duplicate rule(s) found.", duplicates.len())?;
    for (name, labels) in &duplicates {
        writeln!(err, "Metric: {name}\nLabel(s):")?;
        for (label, value) in labels {
            writeln!(err, "\t{label}: {value}")?;
        }
    }
    writeln!(err, "Might cause inconsistency while recording expressions")?;
    writeln!(out)?;
    Ok(if options.fatal { Outcome::Lint } else { Outcome::Good })
}

type Named = (String, BTreeMap<String, String>);

/// Rules that share name and labels with another, each once, in order of both.
fn duplicates(file: &RuleFile) -> Vec<Named> {
    let mut named: Vec<Named> = Vec::new();
    for group in &file.groups {
        for rule in &group.rules {
            let name = if rule.alert.is_empty() { &rule.record } else { &rule.alert };
            let mut labels = group.labels.clone();
            labels.extend(rule.labels.clone());
            named.push((name.clone(), labels));
        }
    }
    named.sort();
    let mut found: Vec<Named> =
        named.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
    found.dedup();
    found
}
