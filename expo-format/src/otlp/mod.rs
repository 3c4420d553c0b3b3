//! OpenTelemetry metrics (OTLP) to samples.
//!
//! Source: `opentelemetry/proto/metrics/v1/metrics.proto` for the message; "Prometheus and OpenMetrics
//! compatibility" of the OpenTelemetry specification for its meaning, as Prometheus reads it: resource attributes
//! become `job`, `instance` and `target_info`, exponential histograms become native ones.

mod attributes;
mod convert;
mod histogram;
mod names;
mod point;

pub use convert::{Conversion, Problem, Sample, convert};
pub use names::{Kind, NameError, Naming, unit_name};

/// How messages are read. The defaults are those of Prometheus, which has no limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How names are translated.
    pub naming: Naming,
    /// Resource attributes that become labels of every series.
    pub promote: Vec<String>,
    /// Whether `service.name` and its like are labels of `target_info` too.
    pub keep_identifying: bool,
    /// Whether histograms with explicit bounds become native ones with custom buckets.
    pub custom_buckets: bool,
    /// Whether sums and histograms of delta temporality are taken, as of unknown type.
    pub allow_delta: bool,
    /// Whether the instrumentation scope becomes labels `otel_scope_…`.
    pub promote_scope: bool,
    /// Whether no `target_info` is made.
    pub without_target_info: bool,
    /// Whether type and unit of a metric become labels `__type__` and `__unit__` of its series.
    pub type_and_unit_labels: bool,
    /// Lists and maps inside each other in the value of an attribute, and unknown groups; each takes some of the
    /// stack. A message with more is refused. Default: 64.
    pub nesting: u32,
    /// Samples of `target_info` that one message gets at most: two points that lie years apart would ask for
    /// many. Those beyond are left out, but for the last. Default: 10,000.
    pub max_target_info: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            naming: Naming::default(),
            promote: Vec::new(),
            keep_identifying: false,
            custom_buckets: false,
            allow_delta: false,
            promote_scope: false,
            without_target_info: false,
            type_and_unit_labels: false,
            nesting: 64,
            max_target_info: 10_000,
        }
    }
}

#[cfg(test)]
mod tests;
