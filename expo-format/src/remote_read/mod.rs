//! Remote read: how one server asks another for samples.
//!
//! Source: the remote read specification of Prometheus (`prompb/remote.proto`). A request is one protocol buffers
//! message in a snappy block. The answer is either one such message with samples, or a stream of frames with
//! encoded chunks, each frame behind its length and checksum.

mod chunked;
mod request;
mod response;

pub use chunked::{Chunk, ChunkEncoding, ChunkedSeries, FrameError, frames, write_frame};
pub use request::{Hints, LabelMatcher, MatchKind, Query, Request, ResponseKind};
pub use response::{QueryResult, Response, ResponseBuilder};

/// Size up to which a request is taken, packed and unpacked: 32 MiB, as in Prometheus.
pub const MAX_REQUEST: usize = 32 << 20;

/// The `Content-Type` header of requests and of answers with samples.
pub const SAMPLES_CONTENT_TYPE: &str = "application/x-protobuf";

/// The `Content-Type` header of answers with chunks.
pub const CHUNKS_CONTENT_TYPE: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

#[cfg(test)]
mod tests;
