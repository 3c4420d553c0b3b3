//! A whole message, resource by resource.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use metrics_core::{Exemplar, LabelSet, Metadata, MetricType, STALE_NAN, Timestamp, Value};

use super::attributes::{Attributes, Shared, label_set, read_attribute};
use super::names::{Kind, unit_name};
use super::point::{Point, read_exponential, read_histogram, read_number, read_summary};
use super::{NameError, Options, histogram};
use crate::error::{WireError, WireProblem};
use crate::number::write_shortest_plain;
use crate::wire::{Field, Reader};

/// Half of the time that queries look back: `target_info` has a sample at least so often. Nanoseconds.
const TARGET_INFO_INTERVAL: u64 = 150_000_000_000;

/// Attributes that become `job` and `instance`.
const IDENTIFYING: [&str; 3] = ["service.namespace", "service.name", "service.instance.id"];

/// A sample of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its series, `__name__` included.
    pub labels: LabelSet,
    /// When it was measured.
    pub timestamp: Timestamp,
    /// When counting began, if the message says so.
    pub created: Option<Timestamp>,
    /// What was measured.
    pub value: Value,
    /// Example events.
    pub exemplars: Vec<Exemplar>,
    /// Which metric family it belongs to: shared by all samples of a metric.
    pub family: Arc<(String, Metadata)>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conversion {
    /// The samples, in the message's order.
    pub samples: Vec<Sample>,
    /// Metrics that were left out, and why.
    pub problems: Vec<Problem>,
}

/// Why a metric, or all metrics of a resource or scope, were left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A sum or histogram of a temporality that is not taken.
    #[error("invalid temporality and type combination for metric {0:?}")]
    Temporality(String),
    /// A metric without points.
    #[error("empty data points, {0} is dropped")]
    Empty(String),
    /// A metric of no known kind.
    #[error("metric {0:?} has an unsupported type")]
    Type(String),
    /// An exponential histogram with buckets coarser than any native one.
    #[error("cannot convert exponential to native histogram: scale must be >= -4, was {0}")]
    Scale(i32),
    /// A metric or label name of which nothing is left.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Converts an `ExportMetricsServiceRequest`.
///
/// # Errors
/// Where the message is broken. What is merely not convertible is left out and told in
/// [`Conversion::problems`].
pub fn convert(message: &[u8], options: &Options) -> Result<Conversion, WireError> {
    let mut converter = Converter { options, out: Conversion::default(), target_infos: HashSet::new() };
    match converter.request(Reader::with_nesting(message, options.nesting)) {
        Ok(()) => Ok(converter.out),
        // Inside, only what is left of the limit is known.
        Err(WireError { offset, problem: WireProblem::Nesting(_) }) => {
            Err(WireError { offset, problem: WireProblem::Nesting(options.nesting) })
        }
        Err(error) => Err(error),
    }
}

struct Converter<'o> {
    options: &'o Options,
    out: Conversion,
    /// Series and times of `target_info` already made.
    target_infos: HashSet<(LabelSet, Timestamp)>,
}

/// Times of the earliest and latest point of a resource, in nanoseconds.
type Times = Option<(u64, u64)>;

impl Converter<'_> {
    fn request(&mut self, mut fields: Reader<'_>) -> Result<(), WireError> {
        while let Some(field) = fields.field()? {
            if field.number == 1 {
                self.resource_metrics(field.message()?)?;
            }
        }
        Ok(())
    }

    fn resource_metrics(&mut self, fields: Reader<'_>) -> Result<(), WireError> {
        let mut attributes = Attributes::new();
        let mut rest = fields;
        while let Some(field) = rest.field()? {
            if field.number == 1 {
                attributes.append(&mut read_attributes(field.message()?, 1)?);
            }
        }
        let shared = match self.shared(&attributes) {
            Ok(shared) => shared,
            Err(e) => {
                self.out.problems.push(e.into());
                return Ok(());
            }
        };
        let mut times = None;
        let mut rest = fields;
        while let Some(field) = rest.field()? {
            if field.number == 2 {
                self.scope_metrics(field.message()?, &shared, &mut times)?;
            }
        }
        if let (Some(times), false) = (times, self.options.without_target_info)
            && let Err(e) = self.target_info(&attributes, &shared, times)
        {
            self.out.problems.push(e.into());
        }
        Ok(())
    }

    fn shared(&self, attributes: &Attributes) -> Result<Shared, NameError> {
        let find = |key: &str| attributes.iter().rfind(|(k, _)| k == key).map(|(_, v)| v.as_str());
        let service = find("service.name").map(|name| match find("service.namespace") {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        });
        let promoted = attributes
            .iter()
            .filter(|(key, _)| self.options.promote.contains(key))
            .map(|(key, value)| Ok((self.options.naming.label(key)?, value.clone())))
            .collect::<Result<_, _>>()?;
        Ok(Shared {
            promoted,
            job: service.unwrap_or_default(),
            instance: find("service.instance.id").unwrap_or_default().to_owned(),
            scope: Vec::new(),
        })
    }

    fn scope_metrics(
        &mut self,
        fields: Reader<'_>,
        shared: &Shared,
        times: &mut Times,
    ) -> Result<(), WireError> {
        let mut shared = shared.clone();
        if self.options.promote_scope {
            match self.scope_labels(fields)? {
                Ok(labels) => shared.scope = labels,
                Err(e) => {
                    self.out.problems.push(e.into());
                    return Ok(());
                }
            }
        }
        let mut rest = fields;
        while let Some(field) = rest.field()? {
            if field.number == 2 {
                self.metric(field.message()?, &shared, times)?;
            }
        }
        Ok(())
    }

    fn scope_labels(
        &self,
        fields: Reader<'_>,
    ) -> Result<Result<Vec<(String, String)>, NameError>, WireError> {
        let (mut name, mut version, mut schema, mut attributes) = ("", "", "", Attributes::new());
        let mut rest = fields;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => {
                    let mut scope = field.message()?;
                    while let Some(part) = scope.field()? {
                        match part.number {
                            1 => name = part.string()?,
                            2 => version = part.string()?,
                            3 => attributes.push(read_attribute(&part)?),
                            _ => {}
                        }
                    }
                }
                3 => schema = field.string()?,
                _ => {}
            }
        }
        if name.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let own = attributes
            .into_iter()
            .map(|(key, value)| Ok((self.options.naming.label(&format!("otel_scope_{key}"))?, value)));
        let about =
            [("otel_scope_name", name), ("otel_scope_version", version), ("otel_scope_schema_url", schema)];
        let about = about.into_iter().map(|(label, value)| Ok((label.to_owned(), value.to_owned())));
        Ok(own.chain(about).collect())
    }

    fn metric(&mut self, fields: Reader<'_>, shared: &Shared, times: &mut Times) -> Result<(), WireError> {
        let metric = RawMetric::read(fields)?;
        for point in &metric.points {
            let (first, last) = times.get_or_insert((point.time, point.time));
            (*first, *last) = ((*first).min(point.time), (*last).max(point.time));
        }
        if let Err(problem) = self.samples(&metric, shared) {
            self.out.problems.push(problem);
        }
        Ok(())
    }

    fn samples(&mut self, metric: &RawMetric, shared: &Shared) -> Result<(), Problem> {
        let name = || metric.name.clone();
        let form = metric.form.ok_or_else(|| Problem::Type(name()))?;
        let has_temporality = !matches!(form, Form::Gauge | Form::Summary);
        let is_taken = match metric.temporality {
            Temporality::Cumulative => true,
            Temporality::Delta => self.options.allow_delta,
            Temporality::Unspecified => false,
        };
        if has_temporality && !is_taken {
            return Err(Problem::Temporality(name()));
        }
        let metric_type = metric.metric_type(form);
        let kind = match form {
            Form::Sum if metric.is_monotonic => Kind::MonotonicSum,
            Form::Gauge => Kind::Gauge,
            _ => Kind::Other,
        };
        let family = self.options.naming.metric(&metric.name, &metric.unit, kind)?;
        if metric.points.is_empty() {
            return Err(Problem::Empty(name()));
        }
        let metadata = Metadata { metric_type, help: metric.help.clone(), unit: unit_name(&metric.unit) };
        let about = Arc::new((family, metadata));
        for point in &metric.points {
            let mut labels = shared.labels(&point.attributes, &self.options.naming, &[])?;
            if self.options.type_and_unit_labels {
                add_type_and_unit(&mut labels, &about.1);
            }
            let mut series = Series { labels: &labels, point, about: &about, out: &mut self.out.samples };
            let is_delta = metric.temporality == Temporality::Delta;
            match form {
                Form::Gauge => series.single(Value::Float(point.value), Vec::new()),
                Form::Sum => series.single(Value::Float(point.value), point.exemplars.clone()),
                Form::Summary => series.summary(),
                Form::Histogram if self.options.custom_buckets => {
                    let value = histogram::explicit(point, is_delta);
                    series.single(Value::Histogram(Arc::new(value)), point.exemplars.clone());
                }
                Form::Histogram => series.classic_histogram(),
                Form::Exponential => {
                    let value = histogram::exponential(point, is_delta).ok_or(Problem::Scale(point.scale))?;
                    series.single(Value::Histogram(Arc::new(value)), point.exemplars.clone());
                }
            }
        }
        Ok(())
    }

    /// What is known of a resource, as labels of a series of its own, for as long as the resource has points.
    fn target_info(
        &mut self,
        attributes: &Attributes,
        shared: &Shared,
        times: (u64, u64),
    ) -> Result<(), NameError> {
        if attributes.iter().all(|(key, _)| IDENTIFYING.contains(&key.as_str())) {
            return Ok(());
        }
        if shared.job.is_empty() && shared.instance.is_empty() {
            return Ok(());
        }
        let naming = &self.options.naming;
        let name = match naming.namespace.as_str() {
            "" => "target_info".to_owned(),
            namespace => format!("{namespace}_target_info"),
        };
        let ignored: &[&str] = if self.options.keep_identifying { &[] } else { &IDENTIFYING };
        let own = Shared { promoted: Vec::new(), scope: Vec::new(), ..shared.clone() };
        let labels = label_set(&own.labels(attributes, naming, ignored)?, &name, None);
        let metadata = Metadata {
            metric_type: MetricType::Gauge,
            help: "Target metadata".to_owned(),
            unit: String::new(),
        };
        let family = Arc::new((name, metadata));
        let (first, last) = times;
        let room = self.options.max_target_info.saturating_sub(self.target_infos.len()) as u64;
        let steps = (last - first).div_ceil(TARGET_INFO_INTERVAL).min(room);
        let before = (0..steps).map(|step| first + step * TARGET_INFO_INTERVAL);
        for time in before.chain([last]) {
            let timestamp = milliseconds(time);
            if self.target_infos.insert((labels.clone(), timestamp)) {
                self.out.samples.push(Sample {
                    labels: labels.clone(),
                    timestamp,
                    created: None,
                    value: Value::Float(1.0),
                    exemplars: Vec::new(),
                    family: family.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The series that one point becomes.
struct Series<'a> {
    labels: &'a BTreeMap<String, String>,
    point: &'a Point,
    about: &'a Arc<(String, Metadata)>,
    out: &'a mut Vec<Sample>,
}

impl Series<'_> {
    fn single(&mut self, value: Value, exemplars: Vec<Exemplar>) {
        self.push("", None, value, exemplars);
    }

    fn summary(&mut self) {
        self.push("_sum", None, Value::Float(self.point.sum.unwrap_or(0.0)), Vec::new());
        self.push("_count", None, Value::Float(self.point.count as f64), Vec::new());
        for (quantile, value) in &self.point.quantiles {
            self.push("", Some(("quantile", *quantile)), Value::Float(*value), Vec::new());
        }
    }

    fn classic_histogram(&mut self) {
        if let Some(sum) = self.point.sum {
            self.push("_sum", None, Value::Float(sum), Vec::new());
        }
        let count = self.point.count as f64;
        self.push("_count", None, Value::Float(count), Vec::new());
        let mut exemplars = self.point.exemplars.clone().into_iter().peekable();
        let mut cumulative = 0u64;
        for (bound, in_bucket) in self.point.bounds.iter().zip(&self.point.bucket_counts) {
            cumulative = cumulative.wrapping_add(*in_bucket);
            // Both are in rising order; one that is not stays for a later bucket.
            let mut own = Vec::new();
            while let Some(exemplar) = exemplars.next_if(|e| e.value <= *bound || e.value.is_nan()) {
                own.push(exemplar);
            }
            self.push("_bucket", Some(("le", *bound)), Value::Float(cumulative as f64), own);
        }
        self.push("_bucket", Some(("le", f64::INFINITY)), Value::Float(count), exemplars.collect());
    }

    fn push(&mut self, suffix: &str, extra: Option<(&str, f64)>, value: Value, exemplars: Vec<Exemplar>) {
        let value = match value {
            Value::Float(_) if self.point.is_stale => Value::Float(STALE_NAN),
            value => value,
        };
        let mut number = Vec::new();
        if let Some((_, bound)) = extra {
            write_shortest_plain(&mut number, bound);
        }
        let text = String::from_utf8_lossy(&number);
        let name = format!("{}{suffix}", self.about.0);
        self.out.push(Sample {
            labels: label_set(self.labels, &name, extra.map(|(label, _)| (label, &*text))),
            timestamp: milliseconds(self.point.time),
            created: Some(milliseconds(self.point.start)).filter(|t| *t != 0),
            value,
            exemplars,
            family: self.about.clone(),
        });
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Temporality {
    #[default]
    Unspecified,
    Delta,
    Cumulative,
}

#[derive(Debug, Default)]
struct RawMetric {
    name: String,
    help: String,
    unit: String,
    form: Option<Form>,
    temporality: Temporality,
    is_monotonic: bool,
    points: Vec<Point>,
}

impl RawMetric {
    fn read(mut fields: Reader<'_>) -> Result<Self, WireError> {
        let mut metric = Self::default();
        while let Some(field) = fields.field()? {
            match field.number {
                1 => metric.name = field.string()?.to_owned(),
                2 => metric.help = field.string()?.to_owned(),
                3 => metric.unit = field.string()?.to_owned(),
                5 => metric.data(&field, Form::Gauge, read_number)?,
                7 => metric.data(&field, Form::Sum, read_number)?,
                9 => metric.data(&field, Form::Histogram, read_histogram)?,
                10 => metric.data(&field, Form::Exponential, read_exponential)?,
                11 => metric.data(&field, Form::Summary, read_summary)?,
                _ => {}
            }
        }
        Ok(metric)
    }

    fn data(
        &mut self,
        field: &Field<'_>,
        form: Form,
        read: fn(&Field<'_>) -> Result<Point, WireError>,
    ) -> Result<(), WireError> {
        self.form = Some(form);
        let mut fields = field.message()?;
        while let Some(field) = fields.field()? {
            match field.number {
                1 => self.points.push(read(&field)?),
                2 => {
                    self.temporality = match field.uint64()? {
                        1 => Temporality::Delta,
                        2 => Temporality::Cumulative,
                        _ => Temporality::Unspecified,
                    };
                }
                3 => self.is_monotonic = field.uint64()? != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn metric_type(&self, form: Form) -> MetricType {
        match form {
            Form::Gauge => MetricType::Gauge,
            Form::Summary => MetricType::Summary,
            // The field has no word for differences.
            _ if self.temporality == Temporality::Delta => MetricType::Unknown,
            Form::Sum if self.is_monotonic => MetricType::Counter,
            Form::Sum => MetricType::Gauge,
            Form::Histogram | Form::Exponential => MetricType::Histogram,
        }
    }
}

/// Overrules attributes of those names, unless the type is unknown or the unit empty.
fn add_type_and_unit(labels: &mut BTreeMap<String, String>, about: &Metadata) {
    if about.metric_type != MetricType::Unknown {
        labels.insert("__type__".to_owned(), about.metric_type.as_str().to_owned());
    }
    if !about.unit.is_empty() {
        labels.insert("__unit__".to_owned(), about.unit.clone());
    }
}

fn read_attributes(mut fields: Reader<'_>, number: u32) -> Result<Attributes, WireError> {
    let mut attributes = Attributes::new();
    while let Some(field) = fields.field()? {
        if field.number == number {
            attributes.push(read_attribute(&field)?);
        }
    }
    Ok(attributes)
}

/// Nanoseconds to milliseconds.
fn milliseconds(nanoseconds: u64) -> Timestamp {
    (nanoseconds / 1_000_000) as Timestamp
}
