//! Which program this is.

use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};

/// The original's name and labels; where those name a Go toolchain there is none to name.
pub(crate) fn build_info() -> MetricFamily {
    let mut info = MetricFamily::new(
        "node_exporter_build_info",
        "A metric with a constant '1' value labeled by version, revision, branch, goversion from which \
         node_exporter was built, and the goos and goarch for the build.",
        MetricType::Gauge,
    );
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let labels = [
        ("branch", ""),
        ("goarch", arch),
        ("goos", std::env::consts::OS),
        ("goversion", ""),
        ("revision", ""),
        ("tags", ""),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    info.push(LabelSet::shown(labels), MetricValue::Gauge(1.0));
    info
}
