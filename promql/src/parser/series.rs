//! Series descriptions: the notation in which test scripts and unit tests of rules write samples.
//!
//! ```text
//! up{job="node"} 1 2 _ 4+1x10 stale {{schema:1 sum:3 count:2 buckets:[1 1]}}x3
//! ```

use std::sync::Arc;

use metrics_core::histogram::ResetHint;
use metrics_core::histogram::Span as BucketSpan;
use metrics_core::{FloatHistogram, LabelSet, LabelSetBuilder, METRIC_NAME, Matcher, STALE_NAN};

use super::ParserOptions;
use super::ast::{BinaryOp, Expr, Sign};
use super::cursor::{Context, Parsed, Parser};
use super::error::ParseError;
use super::lex::Lexer;
use super::token::{Descriptor, Kind, Token, can_be_metric};

/// One value of a series description.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesValue {
    /// `_`: no sample at this step.
    Omitted,
    /// A float; `stale` is the staleness marker.
    Float(f64),
    /// A native histogram.
    Histogram {
        /// The histogram.
        histogram: Arc<FloatHistogram>,
        /// Whether the description names a counter reset hint; without one, a test does not compare it.
        hint_given: bool,
    },
}

/// Repetitions may not make more values than this of one description.
const MAX_VALUES: u64 = 4_000_000;

const VALUES: Context = Context { reading: "series values", expected: "" };
const HISTOGRAM: Context = Context {
    reading: "histogram description",
    expected: "histogram description key, e.g. buckets:[5 10 7]",
};

/// Parses a series description: labels and the values that follow them.
///
/// # Errors
/// Where and why the text is not one.
///
/// ```
/// use promql::parser::{SeriesValue, parse_series};
/// let (labels, values) = parse_series(r#"up{job="node"} 1+2x2 _"#).unwrap();
/// assert_eq!(labels.to_string(), r#"up{job="node"}"#);
/// assert_eq!(values[2], SeriesValue::Float(5.0));
/// assert_eq!(values[3], SeriesValue::Omitted);
/// ```
pub fn parse_series(text: &str) -> Result<(LabelSet, Vec<SeriesValue>), ParseError> {
    let options = ParserOptions::default();
    let mut parser = Parser::new(text, Lexer::for_series(text), &options);
    let labels = parser.metric()?;
    let values = parser.within(VALUES, Parser::series_values)?;
    Ok((labels, values))
}

/// Parses a metric with its labels, such as `up{job="node"}`.
///
/// # Errors
/// Where and why the text is not one.
pub fn parse_metric(text: &str) -> Result<LabelSet, ParseError> {
    let options = ParserOptions::default();
    let mut parser = Parser::new(text, Lexer::new(text), &options);
    let labels = parser.metric()?;
    parser.expect_end()?;
    Ok(labels)
}

/// Parses a selector without modifiers, such as the `match[]` of the HTTP API, into its conditions.
///
/// # Errors
/// Where and why the text is not one.
///
/// ```
/// let matchers = promql::parser::parse_selector(r#"up{job=~"n.*"}"#).unwrap();
/// assert_eq!(matchers.len(), 2);
/// ```
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let options = ParserOptions::default();
    let mut parser = Parser::new(text, Lexer::new(text), &options);
    let token = parser.peek()?;
    let name = if can_be_metric(token.kind) { Some(parser.take()?) } else { None };
    if name.is_none() && token.kind != Kind::LeftBrace {
        return Err(parser.unexpected()?);
    }
    let selector = parser.selector(name)?;
    parser.expect_end()?;
    match selector {
        Expr::Vector(selector) => Ok(selector.matchers),
        other => Err(parser.error(other.span(), "unexpected expression")),
    }
}

impl<'a> Parser<'a> {
    fn metric(&mut self) -> Parsed<LabelSet> {
        let token = self.peek()?;
        let name = if can_be_metric(token.kind) { Some(self.take()?) } else { None };
        let mut labels = LabelSetBuilder::default();
        if self.eat(Kind::LeftBrace)?.is_some() {
            self.label_set(&mut labels)?;
        }
        if let Some(name) = name {
            labels.set(METRIC_NAME, name.text);
        }
        Ok(labels.build())
    }

    /// Labels behind an opening brace, and the closing brace.
    fn label_set(&mut self, labels: &mut LabelSetBuilder) -> Parsed<()> {
        if self.eat(Kind::RightBrace)?.is_some() {
            return Ok(());
        }
        loop {
            let token = self.peek()?;
            let name = match token.kind {
                Kind::Identifier => {
                    self.take()?;
                    token.text.to_owned()
                }
                Kind::String => {
                    self.take()?;
                    self.unquote(token)?.0
                }
                _ => return Err(self.unexpected_in("label set", "identifier or \"}\"")?),
            };
            if self.eat(Kind::Eql)?.is_some() {
                let value = self.peek()?;
                if value.kind != Kind::String {
                    return Err(self.unexpected_in("label set", "string")?);
                }
                self.take()?;
                labels.set(&name, self.unquote(value)?.0);
            } else if token.kind == Kind::String {
                labels.set(METRIC_NAME, name);
            } else {
                return Err(self.unexpected_in("label set", "\"=\"")?);
            }
            let comma = self.eat(Kind::Comma)?.is_some();
            if self.eat(Kind::RightBrace)?.is_some() {
                return Ok(());
            }
            if !comma {
                return Err(self.unexpected_in("label set", "\",\" or \"}\"")?);
            }
        }
    }

    fn series_values(&mut self) -> Parsed<Vec<SeriesValue>> {
        let mut values = Vec::new();
        while self.eat(Kind::Space)?.is_some() {
            if matches!(self.peek()?.kind, Kind::Space | Kind::Eof) {
                continue;
            }
            self.series_item(&mut values)?;
        }
        self.expect_end()?;
        Ok(values)
    }

    fn series_item(&mut self, values: &mut Vec<SeriesValue>) -> Parsed<()> {
        let token = self.peek()?;
        match token.kind {
            Kind::Blank => {
                self.take()?;
                let times = if self.eat(Kind::Times)?.is_some() { self.repetitions(values)? } else { 1 };
                values.extend((0..times).map(|_| SeriesValue::Omitted));
                Ok(())
            }
            Kind::OpenHistogram => self.histogram_item(values),
            _ => self.float_item(values),
        }
    }

    fn float_item(&mut self, values: &mut Vec<SeriesValue>) -> Parsed<()> {
        let mut value = match self.peek()? {
            Token { kind: Kind::Identifier, text, .. } => {
                if text != "stale" {
                    return Err(self.unexpected_in("series values", "number or \"stale\"")?);
                }
                self.take()?;
                STALE_NAN
            }
            _ => self.signed_number()?,
        };
        let step = match self.peek()?.kind {
            Kind::Binary(BinaryOp::Add | BinaryOp::Sub) => Some(self.signed_number()?),
            Kind::Times => None,
            _ => {
                values.push(SeriesValue::Float(value));
                return Ok(());
            }
        };
        self.expect(Kind::Times)?;
        // The value itself, and as many more.
        for _ in 0..=self.repetitions(values)? {
            values.push(SeriesValue::Float(value));
            if let Some(step) = step {
                value += step;
            }
        }
        Ok(())
    }

    fn signed_number(&mut self) -> Parsed<f64> {
        let sign = self.eat_sign()?;
        let value = self.number_literal()?.value;
        Ok(if let Some((Sign::Minus, _)) = sign { -value } else { value })
    }

    fn repetitions(&mut self, values: &[SeriesValue]) -> Parsed<u64> {
        let times = self.unsigned()?;
        if times.saturating_add(values.len() as u64) > MAX_VALUES {
            let span = self.last_span();
            return Err(self.error(span, format!("more than {MAX_VALUES} series values")));
        }
        Ok(times)
    }

    fn unsigned(&mut self) -> Parsed<u64> {
        let token = self.expect(Kind::Number)?;
        token.text.parse().map_err(|error: std::num::ParseIntError| {
            let why = match error.kind() {
                std::num::IntErrorKind::PosOverflow => "value out of range",
                _ => "invalid syntax",
            };
            let text = super::quote(token.text);
            self.error(
                token.span(),
                format!("invalid repetition in series values: strconv.ParseUint: parsing {text}: {why}"),
            )
        })
    }

    // Native histograms.

    fn histogram_item(&mut self, values: &mut Vec<SeriesValue>) -> Parsed<()> {
        let (first, mut hint_given) = self.histogram()?;
        let step = match self.peek()?.kind {
            Kind::Binary(BinaryOp::Add) => Some(Sign::Plus),
            Kind::Binary(BinaryOp::Sub) => Some(Sign::Minus),
            Kind::Times => None,
            _ => {
                values.push(SeriesValue::Histogram { histogram: Arc::new(first), hint_given });
                return Ok(());
            }
        };
        let Some(sign) = step else {
            self.take()?;
            let histogram = Arc::new(first);
            for _ in 0..=self.repetitions(values)? {
                values.push(SeriesValue::Histogram { histogram: histogram.clone(), hint_given });
            }
            return Ok(());
        };
        self.take()?;
        let (step, step_hint) = self.histogram()?;
        hint_given = step_hint;
        self.expect(Kind::Times)?;
        let times = self.repetitions(values)?;
        let mut current = first;
        for i in 0..=times {
            if i > 0 {
                self.combine(&mut current, &step, sign)?;
            }
            let histogram = Arc::new(current.clone());
            values.push(SeriesValue::Histogram { histogram, hint_given });
        }
        Ok(())
    }

    fn combine(&self, current: &mut FloatHistogram, step: &FloatHistogram, sign: Sign) -> Parsed<()> {
        let span = self.last_span();
        if current.schema > step.schema {
            return Err(self.error(
                span,
                format!(
                    "error combining histograms: cannot merge from schema {} to {}",
                    step.schema, current.schema
                ),
            ));
        }
        let combined = match sign {
            Sign::Plus => current.add(step),
            Sign::Minus => current.subtract(step),
        };
        combined.map(drop).map_err(|why| self.error(span, why.to_string()))
    }

    /// A description between `{{` and `}}`, and whether it names a counter reset hint.
    fn histogram(&mut self) -> Parsed<(FloatHistogram, bool)> {
        self.expect(Kind::OpenHistogram)?;
        let mut description = Description::default();
        if self.eat(Kind::Space)?.is_none() && !self.next_is(Kind::CloseHistogram)? {
            self.histogram_key(&mut description)?;
            self.within(HISTOGRAM, |p| {
                while p.eat(Kind::Space)?.is_some() {
                    if p.next_is(Kind::CloseHistogram)? {
                        break;
                    }
                    p.histogram_key(&mut description)?;
                }
                if p.next_is(Kind::CloseHistogram)? { Ok(()) } else { Err(p.unexpected()?) }
            })?;
        }
        self.expect(Kind::CloseHistogram)?;
        Ok(description.build())
    }

    fn histogram_key(&mut self, description: &mut Description) -> Parsed<()> {
        let token = self.peek()?;
        let Kind::Descriptor(key) = token.kind else {
            return Err(self.unexpected()?);
        };
        self.take()?;
        self.expect(Kind::Colon)?;
        if description.seen.contains(&key) {
            let message = format!("duplicate key \"{}\" in histogram", token.text);
            return Err(self.error(super::Span::default(), message));
        }
        description.seen.push(key);
        let h = &mut description.histogram;
        match key {
            Descriptor::Schema => h.schema = self.bounded_int()?,
            Descriptor::Sum => h.sum = self.signed_number()?,
            Descriptor::Count => h.count = self.signed_number()?,
            Descriptor::ZeroBucket => h.zero_count = self.signed_number()?,
            Descriptor::ZeroBucketWidth => h.zero_threshold = self.number_literal()?.value,
            Descriptor::CustomValues => h.custom_values = self.buckets()?,
            Descriptor::Buckets => h.positive_buckets = self.buckets()?,
            Descriptor::NegativeBuckets => h.negative_buckets = self.buckets()?,
            Descriptor::Offset => description.offset = self.bounded_int()?,
            Descriptor::NegativeOffset => description.negative_offset = self.bounded_int()?,
            Descriptor::ResetHint => h.reset_hint = self.reset_hint()?,
        }
        Ok(())
    }

    /// An integer, cut to 32 bits as the original does.
    fn bounded_int(&mut self) -> Parsed<i32> {
        let negative = self.eat(Kind::Binary(BinaryOp::Sub))?.is_some();
        let value = self.unsigned()? as i32;
        Ok(if negative { value.wrapping_neg() } else { value })
    }

    fn buckets(&mut self) -> Parsed<Vec<f64>> {
        self.expect(Kind::LeftBracket)?;
        let mut buckets = vec![self.signed_number()?];
        while self.eat(Kind::Space)?.is_some() && !self.next_is(Kind::RightBracket)? {
            buckets.push(self.signed_number()?);
        }
        self.expect(Kind::RightBracket)?;
        Ok(buckets)
    }

    fn reset_hint(&mut self) -> Parsed<ResetHint> {
        let token = self.expect(Kind::ResetHint)?;
        Ok(match token.text.to_ascii_lowercase().as_str() {
            "reset" => ResetHint::Reset,
            "not_reset" => ResetHint::NotReset,
            "gauge" => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        })
    }
}

/// A histogram while its keys are read.
#[derive(Default)]
struct Description {
    histogram: FloatHistogram,
    offset: i32,
    negative_offset: i32,
    seen: Vec<Descriptor>,
}

impl Description {
    fn build(self) -> (FloatHistogram, bool) {
        let mut h = self.histogram;
        let spans = |offset, buckets: &[f64]| match u32::try_from(buckets.len()) {
            Ok(length) if length > 0 => vec![BucketSpan { offset, length }],
            _ => Vec::new(),
        };
        h.positive_spans = spans(self.offset, &h.positive_buckets);
        h.negative_spans = spans(self.negative_offset, &h.negative_buckets);
        (h, self.seen.contains(&Descriptor::ResetHint))
    }
}
