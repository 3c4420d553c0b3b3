//! `metadata`, `status/buildinfo`, `status/tsdb`, health and readiness.

use std::collections::BTreeMap;
use std::fmt::Write;

use metrics_core::{Metadata, Timestamp};

use super::render::push_escaped;
use super::{Answer, Answered, Api, ApiError, Params, Sources};

/// What `status/buildinfo` tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BuildInfo {
    /// The version that clients adapt to.
    pub version: String,
    /// The source's revision.
    pub revision: String,
    /// The source's branch.
    pub branch: String,
    /// Who built it.
    pub build_user: String,
    /// When it was built.
    pub build_date: String,
    /// The compiler.
    pub compiler: String,
}

/// What `status/tsdb` tells: how much the store holds, and what makes it large.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StoreStats {
    /// Series in memory.
    pub series: u64,
    /// Label names and values in memory.
    pub label_pairs: u64,
    /// Chunks in memory.
    pub chunks: i64,
    /// The oldest and the newest sample in memory.
    pub range: (Timestamp, Timestamp),
    /// Series by metric name, the most first.
    pub series_by_metric: Vec<(String, u64)>,
    /// Values by label name, the most first.
    pub values_by_label: Vec<(String, u64)>,
    /// Bytes by label name, the most first.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Series by label and value, the most first.
    pub series_by_pair: Vec<(String, u64)>,
}

impl<S: Sources> Api<S> {
    pub(super) fn metadata(&self, params: &Params) -> Answered {
        let number = |name: &str| match params.get(name) {
            "" => Ok(None),
            text => text
                .parse::<i64>()
                .map(Some)
                .map_err(|_| ApiError::bad_data(format!("{name} must be a number"))),
        };
        let limit = number("limit")?.and_then(|n| usize::try_from(n).ok());
        let per_metric = number("limit_per_metric")?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        let metric = params.get("metric");
        let mut metrics: BTreeMap<String, Vec<Metadata>> = BTreeMap::new();
        for (name, found) in self.sources.metadata() {
            if !metric.is_empty() && name != metric {
                continue;
            }
            let known = metrics.entry(name).or_default();
            if !known.contains(&found) && per_metric.is_none_or(|n| known.len() < n) {
                known.push(found);
            }
        }
        let mut out = String::from("{");
        for (i, (name, entries)) in metrics.iter().take(limit.unwrap_or(usize::MAX)).enumerate() {
            if i > 0 {
                out.push(',');
            }
            push_escaped(&mut out, name);
            for (j, entry) in entries.iter().enumerate() {
                let _ = write!(
                    out,
                    "{}{{\"type\":\"{}\",\"unit\":",
                    if j == 0 { ":[" } else { "," },
                    entry.metric_type
                );
                push_escaped(&mut out, &entry.unit);
                out.push_str(",\"help\":");
                push_escaped(&mut out, &entry.help);
                out.push('}');
            }
            out.push(']');
        }
        out.push('}');
        Ok(Answer::json(out))
    }

    pub(super) fn build_info(&self) -> Answered {
        let info = self.sources.build_info();
        let mut out = String::from("{");
        let fields = [
            ("version", &info.version),
            ("revision", &info.revision),
            ("branch", &info.branch),
            ("buildUser", &info.build_user),
            ("buildDate", &info.build_date),
            ("goVersion", &info.compiler),
        ];
        for (i, (name, value)) in fields.into_iter().enumerate() {
            let _ = write!(out, "{}\"{name}\":", if i == 0 { "" } else { "," });
            push_escaped(&mut out, value);
        }
        out.push('}');
        Ok(Answer::json(out))
    }

    pub(super) fn store_stats(&self, params: &Params) -> Answered {
        const MOST: usize = 10_000;
        let limit = match params.get("limit") {
            "" => 10,
            text => match text.parse::<usize>() {
                Ok(n) if n > MOST => {
                    return Err(ApiError::bad_data(format!("limit must not exceed {MOST}")));
                }
                Ok(n) if n > 0 => n,
                _ => return Err(ApiError::bad_data("limit must be a positive number")),
            },
        };
        let Some(stats) = self.sources.store_stats(limit) else {
            return Err(ApiError::new(super::ErrorKind::Unavailable, "this store keeps no statistics"));
        };
        let mut out = format!(
            "{{\"headStats\":{{\"numSeries\":{},\"numLabelPairs\":{},\"chunkCount\":{},\"minTime\":{},\
             \"maxTime\":{}}}",
            stats.series, stats.label_pairs, stats.chunks, stats.range.0, stats.range.1
        );
        for (name, entries) in [
            ("seriesCountByMetricName", &stats.series_by_metric),
            ("labelValueCountByLabelName", &stats.values_by_label),
            ("memoryInBytesByLabelName", &stats.bytes_by_label),
            ("seriesCountByLabelValuePair", &stats.series_by_pair),
        ] {
            let _ = write!(out, ",\"{name}\":[");
            for (i, (name, value)) in entries.iter().take(limit).enumerate() {
                out.push_str(if i == 0 { "{\"name\":" } else { ",{\"name\":" });
                push_escaped(&mut out, name);
                let _ = write!(out, ",\"value\":{value}}}");
            }
            out.push(']');
        }
        out.push('}');
        Ok(Answer::json(out))
    }
}
