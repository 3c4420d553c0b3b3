//! The words of the language.

use super::ast::{AggregateOp, BinaryOp, Span};
use super::quote::{quote, quote_prefix};

/// A word and where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// The word as written.
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

/// What sort of word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Eof,
    Comment,
    // Literals and names.
    Identifier,
    /// A name with a colon.
    MetricIdentifier,
    Number,
    Duration,
    String,
    // Punctuation.
    Comma,
    Colon,
    Eql,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    LeftParen,
    RightParen,
    // Operators.
    Binary(BinaryOp),
    EqlRegex,
    NeqRegex,
    At,
    Aggregate(AggregateOp),
    // Reserved words.
    Bool,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Offset,
    Anchored,
    Smoothed,
    // Words that stand for something known when the query runs.
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
    // Series descriptions of test scripts.
    Space,
    Blank,
    Times,
    OpenHistogram,
    CloseHistogram,
    /// A key of a histogram description.
    Descriptor(Descriptor),
    /// `unknown`, `reset`, `not_reset`, `gauge`
    ResetHint,
}

/// A key of a histogram description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descriptor {
    Sum,
    Count,
    Schema,
    Offset,
    NegativeOffset,
    Buckets,
    NegativeBuckets,
    ZeroBucket,
    ZeroBucketWidth,
    CustomValues,
    ResetHint,
}

/// The number by which the original's messages call the first key of histogram descriptions.
const FIRST_DESCRIPTOR_NUMBER: usize = 57_370;

impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(crate) fn span(&self) -> Span {
        Span::new(self.start, self.end())
    }

    /// How error messages call the word.
    pub(crate) fn describe(&self) -> String {
        match self.kind {
            Kind::Eof => "end of input".to_owned(),
            Kind::Comment => format!("comment {}", self.shortened()),
            Kind::Identifier => format!("identifier {}", quote(self.text)),
            Kind::MetricIdentifier => format!("metric identifier {}", quote(self.text)),
            Kind::Number => format!("number {}", self.shortened()),
            Kind::Duration => format!("duration {}", self.shortened()),
            Kind::String => format!("string {}", self.shortened()),
            Kind::Binary(_) | Kind::EqlRegex | Kind::NeqRegex | Kind::At => format!("<op:{}>", self.text),
            Kind::Aggregate(_) => format!("<aggr:{}>", self.text),
            Kind::Bool
            | Kind::By
            | Kind::Without
            | Kind::On
            | Kind::Ignoring
            | Kind::GroupLeft
            | Kind::GroupRight
            | Kind::Fill
            | Kind::FillLeft
            | Kind::FillRight
            | Kind::Offset
            | Kind::Anchored
            | Kind::Smoothed => format!("<{}>", self.text),
            Kind::Descriptor(d) => {
                format!("\"<Item {}>\" {}", FIRST_DESCRIPTOR_NUMBER + d as usize, self.shortened())
            }
            _ => self.shortened(),
        }
    }

    fn shortened(&self) -> String {
        match self.text.len() {
            0..=10 => quote(self.text),
            _ => format!("{}...", quote_prefix(self.text, 10)),
        }
    }
}

/// The reserved word of that spelling, in any case of letters.
pub(crate) fn keyword(word: &str) -> Option<Kind> {
    use AggregateOp as A;
    use BinaryOp as B;
    // None is longer; most names are not reserved and end here.
    if word.len() > "count_values".len() {
        return None;
    }
    Some(match word.to_ascii_lowercase().as_str() {
        "and" => Kind::Binary(B::And),
        "or" => Kind::Binary(B::Or),
        "unless" => Kind::Binary(B::Unless),
        "atan2" => Kind::Binary(B::Atan2),
        "sum" => Kind::Aggregate(A::Sum),
        "avg" => Kind::Aggregate(A::Avg),
        "count" => Kind::Aggregate(A::Count),
        "min" => Kind::Aggregate(A::Min),
        "max" => Kind::Aggregate(A::Max),
        "group" => Kind::Aggregate(A::Group),
        "stddev" => Kind::Aggregate(A::Stddev),
        "stdvar" => Kind::Aggregate(A::Stdvar),
        "topk" => Kind::Aggregate(A::Topk),
        "bottomk" => Kind::Aggregate(A::Bottomk),
        "count_values" => Kind::Aggregate(A::CountValues),
        "quantile" => Kind::Aggregate(A::Quantile),
        "limitk" => Kind::Aggregate(A::Limitk),
        "limit_ratio" => Kind::Aggregate(A::LimitRatio),
        "offset" => Kind::Offset,
        "smoothed" => Kind::Smoothed,
        "anchored" => Kind::Anchored,
        "by" => Kind::By,
        "without" => Kind::Without,
        "on" => Kind::On,
        "ignoring" => Kind::Ignoring,
        "group_left" => Kind::GroupLeft,
        "group_right" => Kind::GroupRight,
        "fill" => Kind::Fill,
        "fill_left" => Kind::FillLeft,
        "fill_right" => Kind::FillRight,
        "bool" => Kind::Bool,
        "start" => Kind::Start,
        "end" => Kind::End,
        "step" => Kind::Step,
        "range" => Kind::Range,
        "max_of" => Kind::MaxOf,
        "min_of" => Kind::MinOf,
        "inf" | "nan" => Kind::Number,
        _ => return None,
    })
}

/// The word of a duration expression of that spelling.
pub(crate) fn duration_keyword(word: &str) -> Option<Kind> {
    keyword(word).filter(|k| matches!(k, Kind::Step | Kind::Range | Kind::MaxOf | Kind::MinOf))
}

/// The key of a histogram description of that spelling.
pub(crate) fn descriptor(word: &str) -> Option<Descriptor> {
    use Descriptor as D;
    Some(match word.to_ascii_lowercase().as_str() {
        "sum" => D::Sum,
        "count" => D::Count,
        "schema" => D::Schema,
        "offset" => D::Offset,
        "n_offset" => D::NegativeOffset,
        "buckets" => D::Buckets,
        "n_buckets" => D::NegativeBuckets,
        "z_bucket" => D::ZeroBucket,
        "z_bucket_w" => D::ZeroBucketWidth,
        "custom_values" => D::CustomValues,
        "counter_reset_hint" => D::ResetHint,
        _ => return None,
    })
}

/// Whether an expression can begin with such a word.
pub(super) fn starts_expression(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Number
            | Kind::Duration
            | Kind::String
            | Kind::LeftParen
            | Kind::LeftBrace
            | Kind::Binary(BinaryOp::Add | BinaryOp::Sub)
    ) || can_be_metric(kind)
}

/// Whether such a word is a metric's name where one is expected.
pub(super) fn can_be_metric(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Identifier
            | Kind::MetricIdentifier
            | Kind::Aggregate(_)
            | Kind::By
            | Kind::Without
            | Kind::Fill
            | Kind::FillLeft
            | Kind::FillRight
            | Kind::Offset
            | Kind::Anchored
            | Kind::Smoothed
            | Kind::Start
            | Kind::End
            | Kind::Step
            | Kind::Range
            | Kind::MaxOf
            | Kind::MinOf
            | Kind::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    )
}

/// Whether such a word is a label's name where one is expected.
pub(super) fn can_be_label(kind: Kind) -> bool {
    match kind {
        Kind::Without => false,
        Kind::Bool
        | Kind::On
        | Kind::Ignoring
        | Kind::GroupLeft
        | Kind::GroupRight
        | Kind::Binary(BinaryOp::Atan2) => true,
        kind => can_be_metric(kind),
    }
}
