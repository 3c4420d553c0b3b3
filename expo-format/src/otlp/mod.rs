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

/// How messages are read. The defaults are those of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
}

#[cfg(test)]
mod tests;
