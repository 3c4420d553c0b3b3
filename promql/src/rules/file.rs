//! Rule files: groups of recording and alerting rules in YAML, strict about what they say.
//!
//! Source: Prometheus' documentation of recording and alerting rules; the words of its errors.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use metrics_core::METRIC_NAME;
use metrics_core::time::{DurationError, parse_duration};

use super::yaml::{self, Data, Node, Place};
use crate::parser::{ParserOptions, quote};
use crate::template;

/// The groups of a rule file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleFile {
    /// In the order of the file.
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleGroup {
    /// The name, unique within the file.
    pub name: String,
    /// Time between evaluations; the global one if absent.
    pub interval: Option<Duration>,
    /// How far the evaluation lags behind; the global value if absent.
    pub query_offset: Option<Duration>,
    /// How many series or alerts a rule may yield; 0 for any number.
    pub limit: i64,
    /// Labels for all rules.
    pub labels: BTreeMap<String, String>,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// A rule as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rule {
    /// The metric to record; empty in alerting rules.
    pub record: String,
    /// The alert's name; empty in recording rules.
    pub alert: String,
    /// The query.
    pub expr: String,
    /// How long the condition must hold before an alert fires.
    pub hold: Duration,
    /// How long an alert fires on when the condition holds no more.
    pub keep_firing_for: Duration,
    /// Labels for the results; in alerting rules, templates.
    pub labels: BTreeMap<String, String>,
    /// What is said about alerts; templates.
    pub annotations: BTreeMap<String, String>,
}

/// One thing that is wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleFileError {
    /// The text is not YAML.
    #[error("yaml: line {line}: {message}")]
    Yaml {
        /// The line.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The document is not made of what a rule file is made of.
    #[error("yaml: unmarshal errors:{}", .0.iter().map(|e| format!("\n  {e}")).collect::<String>())]
    Shape(Vec<String>),
    /// A value is not what it should be.
    #[error("{0}")]
    Value(String),
    /// A group contradicts the rules for groups.
    #[error("{0}")]
    Group(String),
    /// A rule contradicts the rules for rules.
    #[error("{place}group {}, rule {number}, {}: {message}", quote(group), quote(name))]
    Rule {
        /// Lines and columns of the fields concerned.
        place: Places,
        /// The group.
        group: String,
        /// The rule's number within the group, from 1.
        number: usize,
        /// The rule's name.
        name: String,
        /// What is wrong.
        message: String,
    },
}

/// Lines and columns of up to two fields; missing fields stand at 0:0, as the original shows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(Vec<(usize, usize)>);

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(line, column)| write!(f, "{line}:{column}: "))
    }
}

/// What a reader of rule files may choose.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RuleFileOptions {
    /// What queries may use.
    pub parser: ParserOptions,
    /// Whether unknown fields are passed over instead of refused.
    pub ignore_unknown_fields: bool,
}

/// Reads and checks a rule file.
///
/// # Errors
/// Everything that is wrong with it, in the original's words.
///
/// ```
/// use promql::rules::{RuleFileOptions, parse_rules};
/// let file = "groups:\n- name: g\n  rules:\n  - record: job:up:sum\n    expr: sum by(job)(up)\n";
/// let rules = parse_rules(file, &RuleFileOptions::default()).unwrap();
/// assert_eq!(rules.groups[0].rules[0].record, "job:up:sum");
/// let errors = parse_rules(&file.replace("(up)", "(up"), &RuleFileOptions::default()).unwrap_err();
/// assert_eq!(
///     errors[0].to_string(),
///     r#"5:11: group "g", rule 1, "job:up:sum": could not parse expression: 1:15: parse error: unclosed left parenthesis"#
/// );
/// ```
pub fn parse_rules(text: &str, options: &RuleFileOptions) -> Result<RuleFile, Vec<RuleFileError>> {
    let root =
        yaml::parse(text).map_err(|e| vec![RuleFileError::Yaml { line: e.line, message: e.message }])?;
    let mut reader = Reader { shape: Vec::new(), value: None, strict: !options.ignore_unknown_fields };
    let (file, places) = reader.file(&root);
    if let Some(value) = reader.value {
        return Err(vec![RuleFileError::Value(value)]);
    }
    if !reader.shape.is_empty() {
        return Err(vec![RuleFileError::Shape(reader.shape)]);
    }
    let errors = check(&file, &places, &options.parser);
    if errors.is_empty() { Ok(file) } else { Err(errors) }
}

/// Where the fields stand that messages point to: per group, per rule.
type FilePlaces = Vec<Vec<RulePlaces>>;

#[derive(Debug, Default, Clone)]
struct RulePlaces {
    record: Place,
    alert: Place,
    expr: Place,
}

struct Reader {
    shape: Vec<String>,
    /// The first value that its type refused; it ends the reading.
    value: Option<String>,
    strict: bool,
}

impl Reader {
    fn file(&mut self, root: &Node) -> (RuleFile, FilePlaces) {
        let (mut file, mut places) = (RuleFile::default(), Vec::new());
        self.fields(root, "rulefmt.RuleGroups", &["groups"], |reader, name, node| {
            if name == "groups" {
                for node in reader.list(node, "[]rulefmt.RuleGroup") {
                    let (group, place) = reader.group(node);
                    file.groups.push(group);
                    places.push(place);
                }
            }
        });
        (file, places)
    }

    fn group(&mut self, node: &Node) -> (RuleGroup, Vec<RulePlaces>) {
        let (mut group, mut places) = (RuleGroup::default(), Vec::new());
        let known = ["name", "interval", "query_offset", "limit", "rules", "labels"];
        self.fields(node, "rulefmt.RuleGroup", &known, |reader, name, node| match name {
            "name" => group.name = reader.text(node),
            "interval" => group.interval = reader.duration(node).filter(|d| !d.is_zero()),
            "query_offset" => group.query_offset = reader.duration(node),
            "limit" => group.limit = reader.int(node),
            "labels" => group.labels = reader.texts(node),
            _ => {
                for node in reader.list(node, "[]rulefmt.Rule") {
                    let (rule, place) = reader.rule(node);
                    group.rules.push(rule);
                    places.push(place);
                }
            }
        });
        (group, places)
    }

    fn rule(&mut self, node: &Node) -> (Rule, RulePlaces) {
        let (mut rule, mut places) = (Rule::default(), RulePlaces::default());
        let known = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];
        self.fields(node, "rulefmt.Rule", &known, |reader, name, node| match name {
            "record" => {
                rule.record = reader.text(node);
                places.record = node.at;
            }
            "alert" => {
                rule.alert = reader.text(node);
                places.alert = node.at;
            }
            "expr" => {
                rule.expr = reader.text(node);
                places.expr = node.at;
            }
            "for" => rule.hold = reader.duration(node).unwrap_or_default(),
            "keep_firing_for" => rule.keep_firing_for = reader.duration(node).unwrap_or_default(),
            "labels" => rule.labels = reader.texts(node),
            _ => rule.annotations = reader.texts(node),
        });
        (rule, places)
    }

    /// Visits the fields of a map; complains about unknown and repeated ones.
    fn fields<'n>(
        &mut self,
        node: &'n Node,
        type_name: &str,
        known: &[&str],
        mut visit: impl FnMut(&mut Self, &str, &'n Node),
    ) {
        let entries = match &node.data {
            Data::Map(entries) => entries,
            Data::Null => return,
            _ => return self.mismatch(node, type_name),
        };
        let mut seen: Vec<(String, usize)> = Vec::new();
        for (key, value) in entries {
            let name = self.text(key);
            if let Some((_, line)) = seen.iter().find(|(n, _)| *n == name) {
                let message = format!(
                    "line {}: mapping key {} already defined at line {line}",
                    key.at.line,
                    quote(&name)
                );
                self.shape.push(message);
            } else if known.contains(&name.as_str()) {
                visit(self, &name, value);
            } else if self.strict {
                self.shape.push(format!("line {}: field {name} not found in type {type_name}", key.at.line));
            }
            seen.push((name, key.at.line));
        }
    }

    fn mismatch(&mut self, node: &Node, type_name: &str) {
        let found = match &node.data {
            Data::Null => "!!null".to_owned(),
            Data::List(_) => "!!seq".to_owned(),
            Data::Map(_) => "!!map".to_owned(),
            Data::Scalar { text, plain } => {
                let shown = match text.char_indices().nth(10) {
                    Some((at, _)) => format!("{}...", &text[..at]),
                    None => text.clone(),
                };
                format!("{} `{shown}`", tag(text, *plain))
            }
        };
        self.shape.push(format!("line {}: cannot unmarshal {found} into {type_name}", node.at.line));
    }

    fn list<'n>(&mut self, node: &'n Node, type_name: &str) -> &'n [Node] {
        match &node.data {
            Data::List(items) => items,
            Data::Null => &[],
            _ => {
                self.mismatch(node, type_name);
                &[]
            }
        }
    }

    fn text(&mut self, node: &Node) -> String {
        match &node.data {
            Data::Scalar { text, .. } => text.clone(),
            Data::Null => String::new(),
            _ => {
                self.mismatch(node, "string");
                String::new()
            }
        }
    }

    fn texts(&mut self, node: &Node) -> BTreeMap<String, String> {
        match &node.data {
            Data::Map(entries) => entries.iter().map(|(k, v)| (self.text(k), self.text(v))).collect(),
            Data::Null => BTreeMap::new(),
            _ => {
                self.mismatch(node, "map[string]string");
                BTreeMap::new()
            }
        }
    }

    fn int(&mut self, node: &Node) -> i64 {
        match &node.data {
            Data::Null => return 0,
            Data::Scalar { text, plain: true } => {
                if let Ok(n) = text.parse() {
                    return n;
                }
            }
            _ => {}
        }
        self.mismatch(node, "int");
        0
    }

    fn duration(&mut self, node: &Node) -> Option<Duration> {
        if node.data == Data::Null {
            return None;
        }
        let text = self.text(node);
        match parse_duration(&text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let message = match error {
                    DurationError::Syntax => format!("not a valid duration string: {}", quote(&text)),
                    error => error.to_string(),
                };
                self.value.get_or_insert(message);
                None
            }
        }
    }
}

/// What a scalar would be where any type is welcome.
fn tag(text: &str, plain: bool) -> &'static str {
    match text {
        _ if !plain => "!!str",
        "true" | "false" | "True" | "False" | "TRUE" | "FALSE" => "!!bool",
        text if text.parse::<i64>().is_ok() => "!!int",
        text if text.parse::<f64>().is_ok() => "!!float",
        _ => "!!str",
    }
}

fn check(file: &RuleFile, places: &FilePlaces, parser: &ParserOptions) -> Vec<RuleFileError> {
    let mut errors = Vec::new();
    for (i, (group, places)) in file.groups.iter().zip(places).enumerate() {
        // The original does not know where a group stands and says 0:0.
        if group.name.is_empty() {
            errors.push(RuleFileError::Group("0:0: Groupname must not be empty".to_owned()));
        }
        if file.groups[..i].iter().any(|other| other.name == group.name) {
            let message = format!("0:0: groupname: \"{}\" is repeated in the same file", group.name);
            errors.push(RuleFileError::Group(message));
        }
        for name in group.labels.keys().filter(|name| !is_label_name(name)) {
            errors.push(RuleFileError::Group(format!("invalid label name: {name}")));
        }
        for (number, (rule, places)) in group.rules.iter().zip(places).enumerate() {
            for (place, message) in rule_errors(rule, places, parser) {
                errors.push(RuleFileError::Rule {
                    place,
                    group: group.name.clone(),
                    number: number + 1,
                    name: if rule.alert.is_empty() { rule.record.clone() } else { rule.alert.clone() },
                    message,
                });
            }
        }
    }
    errors
}

fn is_label_name(name: &str) -> bool {
    metrics_core::is_valid_label_name(name) && name != METRIC_NAME
}

fn rule_errors(rule: &Rule, places: &RulePlaces, parser: &ParserOptions) -> Vec<(Places, String)> {
    let at = |places: &[Place]| Places(places.iter().map(|p| (p.line, p.column)).collect());
    let mut errors = Vec::new();
    match (rule.record.is_empty(), rule.alert.is_empty()) {
        (false, false) => errors.push((
            at(&[places.record, places.alert]),
            "only one of 'record' and 'alert' must be set".to_owned(),
        )),
        (true, true) => errors
            .push((at(&[places.record, places.alert]), "one of 'record' or 'alert' must be set".to_owned())),
        _ => {}
    }
    if rule.expr.is_empty() {
        errors.push((at(&[places.expr]), "field 'expr' must be set in rule".to_owned()));
    } else if let Err(error) = parser.parse(&rule.expr) {
        errors.push((at(&[places.expr]), format!("could not parse expression: {error}")));
    }
    if !rule.record.is_empty() {
        let misplaced = [
            (!rule.annotations.is_empty(), "annotations"),
            (!rule.hold.is_zero(), "for"),
            (!rule.keep_firing_for.is_zero(), "keep_firing_for"),
        ];
        for (_, field) in misplaced.iter().filter(|(is_set, _)| *is_set) {
            errors.push((at(&[places.record]), format!("invalid field '{field}' in recording rule")));
        }
        if rule.record.contains(['{', '}']) {
            let message =
                format!("braces present in the recording rule name; should it be in expr?: {}", rule.record);
            errors.push((at(&[places.record]), message));
        }
    }
    for name in rule.labels.keys().filter(|name| !is_label_name(name)) {
        errors.push((at(&[]), format!("invalid label name: {name}")));
    }
    for name in rule.annotations.keys().filter(|name| name.is_empty()) {
        errors.push((at(&[]), format!("invalid annotation name: {name}")));
    }
    if !rule.alert.is_empty() {
        errors.extend(template_errors(rule).into_iter().map(|message| (at(&[]), message)));
    }
    errors
}

/// Texts that are not templates.
fn template_errors(rule: &Rule) -> Vec<String> {
    let name = super::alerting::template_name(&rule.alert);
    let fields = rule
        .labels
        .iter()
        .map(|field| ("label", field))
        .chain(rule.annotations.iter().map(|field| ("annotation", field)));
    fields
        .filter_map(|(kind, (field, text))| {
            let text = super::alerting::template_text(text);
            let why = template::check(&name, &text).err()?.without_heading();
            Some(format!("{kind} {}: {why}", quote(field)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        match parse_rules(text, &RuleFileOptions::default()) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn unknown_fields_are_named_with_their_lines() {
        assert_eq!(
            errors(
                "groups:\n- name: g\n  color: red\n  rules:\n  - alert: a\n    expr: up\n    annotation: {}\n"
            ),
            [concat!(
                "yaml: unmarshal errors:\n  line 3: field color not found in type rulefmt.RuleGroup",
                "\n  line 7: field annotation not found in type rulefmt.Rule"
            )]
        );
    }

    #[test]
    fn values_of_the_wrong_kind_are_shown() {
        assert_eq!(
            errors("groups:\n- name: g\n  interval: soon\n"),
            ["not a valid duration string: \"soon\""]
        );
        assert_eq!(
            errors("groups:\n- name: g\n  limit: many\n"),
            ["yaml: unmarshal errors:\n  line 3: cannot unmarshal !!str `many` into int"]
        );
        assert_eq!(
            errors("groups:\n- name: [g]\n"),
            ["yaml: unmarshal errors:\n  line 2: cannot unmarshal !!seq into string"]
        );
    }

    #[test]
    fn an_empty_file_has_no_groups() {
        assert_eq!(parse_rules("", &RuleFileOptions::default()), Ok(RuleFile::default()));
    }
}
