//! Reading scripts.
//!
//! Source: the test script language of the original (`promql/promqltest/README.md` there).

use std::sync::Arc;

use metrics_core::time::parse_duration;
use metrics_core::{LabelSet, Timestamp};
use promql::Point;
use promql::parser::{SeriesValue, parse_series};
use regex::Regex;

use super::nhcb;
use super::store::Sample;

#[derive(Debug)]
pub(crate) enum Command {
    Clear,
    Load(Vec<(LabelSet, Vec<Sample>)>),
    Eval(Box<Eval>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    Range { start: Timestamp, end: Timestamp, step: i64 },
}

#[derive(Debug)]
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) query: String,
    pub(crate) when: When,
    pub(crate) ordered: bool,
    pub(crate) fail: Option<Expected>,
    pub(crate) warn: Vec<Expected>,
    pub(crate) info: Vec<Expected>,
    pub(crate) no_warn: bool,
    pub(crate) no_info: bool,
    pub(crate) answer: Answer,
    /// For range vectors that an instant query shows: first time and step of the expected values.
    pub(crate) shown: Option<(Timestamp, i64)>,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Scalar(f64),
    Text(String),
    Series(Vec<(LabelSet, Vec<SeriesValue>)>),
}

/// A text that is expected, exactly or as a pattern.
#[derive(Debug)]
pub(crate) enum Expected {
    Exactly(String),
    Pattern(Regex),
}

impl Expected {
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(expected) => expected == text,
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }

    fn anything() -> Self {
        Self::Pattern(Regex::new("").unwrap())
    }
}

pub(crate) fn parse_script(text: &str) -> Vec<Command> {
    let lines: Vec<&str> =
        text.lines().map(|l| l.trim()).map(|l| if l.starts_with('#') { "" } else { l }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        if line.is_empty() {
            continue;
        }
        let word = line.split_whitespace().next().unwrap().to_lowercase();
        let end = at + lines[at..].iter().take_while(|l| !l.is_empty()).count();
        if word == "clear" {
            commands.push(Command::Clear);
        } else if word.starts_with("load") {
            commands.push(load(line, &lines[at..end]));
            at = end;
        } else if word.starts_with("eval") {
            let (eval, used) = eval(line, at, &lines[at..end]);
            commands.push(Command::Eval(Box::new(eval)));
            at += used;
        } else {
            panic!("line {at}: unknown command {line:?}");
        }
    }
    commands
}

fn millis(text: &str) -> i64 {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
    let text = text.strip_prefix('+').unwrap_or(text);
    let duration = parse_duration(text).unwrap_or_else(|e| panic!("{text:?}: {e}")).as_millis() as i64;
    if negative { -duration } else { duration }
}

fn load(line: &str, body: &[&str]) -> Command {
    let (word, step) = line.split_once(char::is_whitespace).unwrap();
    let step = millis(step.trim());
    let mut series: Vec<(LabelSet, Vec<Sample>)> = Vec::new();
    let mut starts: Option<Vec<Option<i64>>> = None;
    for line in body {
        let (head, tail) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if head.ends_with("@st") {
            starts = Some(start_offsets(tail));
            continue;
        }
        let (labels, values) = parse_series(line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
        let offsets = starts.take().unwrap_or_default();
        let samples = values.into_iter().enumerate().filter_map(|(i, value)| {
            let timestamp = i as i64 * step;
            let start = offsets.get(i).copied().flatten().map_or(0, |offset| timestamp + offset);
            let value = match value {
                SeriesValue::Omitted => return None,
                SeriesValue::Float(v) => Point::Float(v),
                SeriesValue::Histogram { histogram, .. } => Point::Histogram(histogram),
            };
            Some(Sample { timestamp, value, start })
        });
        let samples = samples.collect();
        // A series that is defined twice is loaded as defined last.
        series.retain(|(l, _)| *l != labels);
        series.push((labels, samples));
    }
    if word.ends_with("with_nhcb") {
        let converted = nhcb::convert(&series);
        series.extend(converted);
    }
    Command::Load(series)
}

/// Start times relative to their samples: `-1m`, `-1mx3`, `-1m+10sx3`, `_`, `_x3`.
fn start_offsets(text: &str) -> Vec<Option<i64>> {
    let mut offsets = Vec::new();
    for item in text.split_whitespace() {
        let (value, times) = match item.rsplit_once('x') {
            Some((value, times)) => (value, times.parse::<usize>().unwrap()),
            None => (item, 0),
        };
        if value == "_" {
            offsets.extend(vec![None; times.max(1)]);
            continue;
        }
        let sign = value[1..].find(['+', '-']).map(|i| i + 1);
        let (base, delta) = match sign {
            Some(at) => (millis(&value[..at]), millis(&value[at..])),
            None => (millis(value), 0),
        };
        offsets.extend((0..=times as i64).map(|i| Some(base + i * delta)));
    }
    offsets
}

fn captures<'t>(pattern: &str, text: &'t str) -> Option<Vec<Option<&'t str>>> {
    let found = Regex::new(pattern).unwrap().captures(text)?;
    Some(found.iter().map(|c| c.map(|c| c.as_str())).collect())
}

/// Reads an evaluation and what follows it; tells how many lines that were.
fn eval(line: &str, number: usize, body: &[&str]) -> (Eval, usize) {
    let instant = captures(r"^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$", line);
    let range = captures(
        r"^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$",
        line,
    );
    let (mode, when, query) = match (instant, range) {
        (Some(c), _) => (c[1], When::At(millis(c[2].unwrap())), c[3].unwrap()),
        (_, Some(c)) => {
            let [start, end, step] = [2, 3, 4].map(|i| millis(c[i].unwrap()));
            (c[1], When::Range { start, end, step }, c[5].unwrap())
        }
        _ => panic!("line {number}: {line:?}"),
    };
    let mut eval = Eval {
        line: number,
        query: query.to_owned(),
        when,
        ordered: mode == Some("ordered"),
        fail: (mode == Some("fail")).then(Expected::anything),
        warn: Vec::new(),
        info: Vec::new(),
        no_warn: false,
        no_info: false,
        answer: Answer::Series(Vec::new()),
        shown: None,
    };
    match mode {
        Some("warn") => eval.warn.push(Expected::anything()),
        Some("info") => eval.info.push(Expected::anything()),
        _ => {}
    }
    for (i, line) in body.iter().enumerate() {
        if expectation(&mut eval, line) {
            continue;
        }
        if let Some(number) = number_alone(line) {
            eval.answer = Answer::Scalar(number);
            return (eval, i + 1);
        }
        let (labels, values) = parse_series(line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
        if let Answer::Series(series) = &mut eval.answer {
            series.push((labels, values));
        }
    }
    (eval, body.len())
}

fn number_alone(line: &str) -> Option<f64> {
    let hex = line.strip_prefix("0x").and_then(|h| i64::from_str_radix(h, 16).ok()).map(|i| i as f64);
    hex.or_else(|| line.parse().ok())
}

/// Reads a line that begins with `expect` or the older words; tells whether it was one.
fn expectation(eval: &mut Eval, line: &str) -> bool {
    if let Some(message) = line.strip_prefix("expected_fail_message") {
        eval.fail = Some(Expected::Exactly(message.trim().to_owned()));
    } else if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
        eval.fail = Some(Expected::Pattern(Regex::new(pattern.trim()).unwrap()));
    } else if let Some(c) = captures(r"^expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$", line) {
        let [start, end, step] = [1, 2, 3].map(|i| millis(c[i].unwrap()));
        eval.shown = Some((start, step));
        eval.when = When::At(end);
    } else if let Some(text) = line.strip_prefix("expect string") {
        eval.answer = Answer::Text(unquote(text.trim()));
    } else if let Some(c) =
        captures(r"^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$", line)
    {
        let expected = match (c[2], c[3]) {
            (Some("msg"), Some(text)) => Expected::Exactly(text.trim().to_owned()),
            (Some(_), Some(pattern)) => Expected::Pattern(Regex::new(pattern.trim()).unwrap()),
            _ => Expected::anything(),
        };
        match c[1].unwrap() {
            "ordered" => eval.ordered = true,
            "fail" => eval.fail = Some(expected),
            "warn" => eval.warn.push(expected),
            "info" => eval.info.push(expected),
            "no_warn" => eval.no_warn = true,
            _ => eval.no_info = true,
        }
    } else {
        return false;
    }
    true
}

fn unquote(text: &str) -> String {
    let inner = &text[1..text.len() - 1];
    if text.starts_with('`') {
        return inner.to_owned();
    }
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some(escaped)) => out.push(escaped),
            (c, _) => out.push(c),
        }
    }
    out
}

/// Shares a histogram's data, so that expected values can be compared without copies.
pub(crate) fn compacted(histogram: &Arc<metrics_core::FloatHistogram>) -> metrics_core::FloatHistogram {
    let mut copy = metrics_core::FloatHistogram::clone(histogram);
    copy.compact();
    copy
}
