//! Bytes ⇄ samples: every format that the pull-monitoring field speaks.
//!
//! What it is not: it opens no socket and keeps no samples. Input is a slice, output is a buffer; fetching is
//! `scrape-client`'s work, serving `exporter-kit`'s.
//!
//! ```text
//! page: &[u8] → parser → Event (borrowed) → your samples
//! families: &[MetricFamily] → write → page: Vec<u8>
//! ```
//!
//! | format | read | write |
//! |---|---|---|
//! | classic text 0.0.4 and 1.0.0 | [`text::Parser`] | [`text::write`] |
//! | OpenMetrics 1.0 | [`openmetrics::Parser`] | [`openmetrics::write`] |
//! | delimited protocol buffers (`protobuf`) | `protobuf::Parser` | `protobuf::write` |
//! | remote write 1.0 (`remote-write`) | `remote_write::v1::Request` | `remote_write::v1::RequestBuilder` |
//! | remote write 2.0 (`remote-write`) | `remote_write::v2::Request` | `remote_write::v2::RequestBuilder` |
//! | OpenTelemetry metrics (`otlp`) | `otlp::convert` | |
//! | remote read (`remote-read`) | `remote_read::Request`, `remote_read::Response`, `remote_read::frames` | `remote_read::Request`, `remote_read::ResponseBuilder`, `remote_read::write_frame` |
//!
//! OpenMetrics 2.0 has a published draft (2.0.0-rc0, March 2026), which calls itself experimental; it is not read or
//! written until it is settled.
//!
//! [`negotiate`] chooses between them, [`Format::of_page`] recognises them, [`PageParser`] and [`write()`] take
//! any.
//!
//! ```
//! use expo_format::{ContentType, Escaping, Event, Format, PageParser, WriteOptions};
//! use metrics_core::{LabelSet, MetricType, family::{MetricFamily, MetricValue}};
//!
//! let mut up = MetricFamily::new("up", "", MetricType::Gauge);
//! up.push(LabelSet::from_pairs([("job", "node")]), MetricValue::Gauge(1.0));
//! let mut page = Vec::new();
//! expo_format::write(&mut page, Format::OpenMetrics, &[up], WriteOptions::default());
//! assert_eq!(page, b"# TYPE up gauge\nup{job=\"node\"} 1.0\n# EOF\n");
//!
//! let mut parser = PageParser::new(Format::OpenMetrics, &page);
//! let mut seen = Vec::new();
//! while let Some(event) = parser.next_event().unwrap() {
//!     if let Event::Sample(sample) = event {
//!         seen.push((sample.series.label_set().unwrap().to_string(), sample.value));
//!     }
//! }
//! assert_eq!(seen, [(r#"up{job="node"}"#.to_owned(), 1.0)]);
//! ```
//!
//! # Features
//! - `gzip`, `zstd`: those encodings of bodies (bring in `flate2`, `zstd`)
//! - `otlp`: OpenTelemetry metrics messages to samples
//! - `protobuf`: pages of delimited `MetricFamily` messages with native histograms
//! - `remote-write`: remote-write messages and their snappy block framing (brings in `snap`)
//! - `remote-read`: remote-read requests, sampled and chunked answers (brings in `crc32c`)
#![forbid(unsafe_code)]

// What a page says.
mod error;
mod event;
mod limits;
mod series;

// Ground that the text formats share.
mod cursor;
mod digits;
mod escape;
mod last_series;
mod line;
mod number;
mod page;
mod sample_line;
mod scan;

// Ground that the binary formats share.
#[cfg(any(feature = "otlp", feature = "protobuf", feature = "remote-write"))]
mod wire;

// What bodies are packed with.
mod compression;

// Which format, and any format.
mod custom_buckets;
mod families;
mod negotiate;
mod page_parser;
mod rescrape;
mod rewrite;

// One format per folder.
pub mod openmetrics;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "protobuf")]
pub mod protobuf;
#[cfg(feature = "remote-read")]
pub mod remote_read;
#[cfg(feature = "remote-write")]
pub mod remote_write;
pub mod text;

pub use compression::{Compression, DEFAULT_MAX_UNPACKED, UnpackError};
pub use custom_buckets::{CustomBuckets, Offered};
pub use error::{Found, ParseError, Problem, WireError, WireProblem};
pub use event::{Event, ExemplarRef, NativeHistogram, Sample};
pub use families::{FamiliesError, read_families};
pub use limits::{LimitExceeded, Limits};
pub use line::WriteOptions;
pub use metrics_core::Escaping;
pub use negotiate::{ContentType, ContentTypeError, Format, accept_header, negotiate};
pub use page_parser::PageParser;
pub use rescrape::{Pass, Rescraper, Update};
pub use rewrite::PageWriter;
pub use series::{DuplicateLabel, Labels, Series};

use metrics_core::family::MetricFamily;

/// Appends a whole page in any format.
pub fn write(out: &mut Vec<u8>, format: Format, families: &[MetricFamily], options: WriteOptions) {
    match format {
        Format::OpenMetrics | Format::OpenMetrics001 => openmetrics::write(out, families, options),
        #[cfg(feature = "protobuf")]
        Format::Protobuf => protobuf::write(out, families, options),
        _ => text::write(out, families, options),
    }
}
