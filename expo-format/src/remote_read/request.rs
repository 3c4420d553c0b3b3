//! What is asked for.

use metrics_core::TimeRange;

use crate::error::WireError;
use crate::wire::{self, Reader};

/// Queries, and the kinds of answer that are understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// What to select; answered in the same order.
    pub queries: Vec<Query>,
    /// Kinds of answer, the preferred one first; none means samples.
    pub accepts: Vec<ResponseKind>,
}

/// A kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseKind {
    /// One message with all samples.
    Samples,
    /// A stream of frames with encoded chunks.
    Chunks,
}

/// Series by matchers, samples by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Milliseconds, both ends included.
    pub range: TimeRange,
    /// All of them must hold.
    pub matchers: Vec<LabelMatcher>,
    /// What the samples are for.
    pub hints: Option<Hints>,
}

/// A condition on one label, not compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMatcher {
    /// How the value is compared.
    pub kind: MatchKind,
    /// The label.
    pub name: String,
    /// The value or regular expression.
    pub value: String,
}

/// How a label's value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchKind {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

/// The numbers of the kinds are their places.
const KINDS: [MatchKind; 4] = [MatchKind::Equal, MatchKind::NotEqual, MatchKind::Regex, MatchKind::NotRegex];

/// What the samples are for; a server may use it to return less.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hints {
    /// Milliseconds between two evaluations.
    pub step: i64,
    /// The function or aggregation around the selector.
    pub function: String,
    /// First millisecond that matters.
    pub start: i64,
    /// Last millisecond that matters.
    pub end: i64,
    /// Labels of the aggregation.
    pub grouping: Vec<String>,
    /// Whether the aggregation keeps those labels (`by`) or all others (`without`).
    pub by: bool,
    /// Milliseconds of a range selector.
    pub range: i64,
}

impl Request {
    /// Reads an unpacked message.
    ///
    /// ```
    /// use expo_format::remote_read::{LabelMatcher, MatchKind, Query, Request, ResponseKind};
    /// use metrics_core::TimeRange;
    /// let matcher = LabelMatcher { kind: MatchKind::Regex, name: "job".into(), value: "n.*".into() };
    /// let query = Query { range: TimeRange::new(-5, 10), matchers: vec![matcher], hints: None };
    /// let request = Request { queries: vec![query], accepts: vec![ResponseKind::Chunks] };
    /// assert_eq!(Request::read(&request.write()).unwrap(), request);
    /// ```
    ///
    /// # Errors
    /// Where the message is broken. Kinds of answers that nobody knows are left out.
    pub fn read(message: &[u8]) -> Result<Self, WireError> {
        let mut request = Self::default();
        let mut fields = Reader::new(message);
        while let Some(field) = fields.field()? {
            match field.number {
                1 => request.queries.push(read_query(field.message()?)?),
                2 => field.varints(|number| match number {
                    0 => request.accepts.push(ResponseKind::Samples),
                    1 => request.accepts.push(ResponseKind::Chunks),
                    _ => {}
                })?,
                _ => {}
            }
        }
        Ok(request)
    }

    /// The message, ready to be compressed.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for query in &self.queries {
            wire::message(&mut out, 1, |out| write_query(out, query));
        }
        wire::packed(&mut out, 2, self.accepts.iter(), |out, kind| {
            wire::varint(out, u64::from(*kind == ResponseKind::Chunks));
        });
        out
    }

    /// The kind of answer that is preferred.
    pub fn preferred(&self) -> ResponseKind {
        self.accepts.first().copied().unwrap_or(ResponseKind::Samples)
    }
}

fn read_query(mut fields: Reader<'_>) -> Result<Query, WireError> {
    let mut query = Query { range: TimeRange::new(0, 0), matchers: Vec::new(), hints: None };
    while let Some(field) = fields.field()? {
        match field.number {
            1 => query.range.start = field.int64()?,
            2 => query.range.end = field.int64()?,
            3 => query.matchers.push(read_matcher(field.message()?)?),
            4 => query.hints = Some(read_hints(field.message()?)?),
            _ => {}
        }
    }
    Ok(query)
}

fn read_matcher(mut fields: Reader<'_>) -> Result<LabelMatcher, WireError> {
    let mut matcher = LabelMatcher { kind: MatchKind::Equal, name: String::new(), value: String::new() };
    while let Some(field) = fields.field()? {
        match field.number {
            1 => {
                let number = usize::try_from(field.uint64()?).unwrap_or(usize::MAX);
                matcher.kind = KINDS.get(number).copied().unwrap_or(MatchKind::Equal);
            }
            2 => matcher.name = field.string()?.to_owned(),
            3 => matcher.value = field.string()?.to_owned(),
            _ => {}
        }
    }
    Ok(matcher)
}

fn read_hints(mut fields: Reader<'_>) -> Result<Hints, WireError> {
    let mut hints = Hints::default();
    while let Some(field) = fields.field()? {
        match field.number {
            1 => hints.step = field.int64()?,
            2 => hints.function = field.string()?.to_owned(),
            3 => hints.start = field.int64()?,
            4 => hints.end = field.int64()?,
            5 => hints.grouping.push(field.string()?.to_owned()),
            6 => hints.by = field.uint64()? != 0,
            7 => hints.range = field.int64()?,
            _ => {}
        }
    }
    Ok(hints)
}

fn write_query(out: &mut Vec<u8>, query: &Query) {
    wire::int64(out, 1, query.range.start);
    wire::int64(out, 2, query.range.end);
    for matcher in &query.matchers {
        let number = KINDS.iter().position(|k| *k == matcher.kind).unwrap_or(0);
        wire::message(out, 3, |out| {
            wire::int64(out, 1, number as i64);
            wire::string(out, 2, matcher.name.as_bytes());
            wire::string(out, 3, matcher.value.as_bytes());
        });
    }
    if let Some(hints) = &query.hints {
        wire::message(out, 4, |out| {
            wire::int64(out, 1, hints.step);
            wire::string(out, 2, hints.function.as_bytes());
            wire::int64(out, 3, hints.start);
            wire::int64(out, 4, hints.end);
            // In a list an empty text is an item as well.
            for label in &hints.grouping {
                wire::message(out, 5, |out| out.extend_from_slice(label.as_bytes()));
            }
            wire::int64(out, 6, i64::from(hints.by));
            wire::int64(out, 7, hints.range);
        });
    }
}
