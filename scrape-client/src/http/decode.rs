//! A body as it comes in: decompressed piece by piece into a buffer with a limit.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::FetchError;

/// Collects a body.
pub(super) enum Body {
    Plain(Buffer),
    Gzip(Box<MultiGzDecoder<Buffer>>),
}

/// Bytes up to a limit.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    limit: u64,
}

impl Write for Buffer {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        // As the original counts: a body of exactly the limit is too large.
        if (self.bytes.len() + piece.len()) as u64 >= self.limit {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Body {
    /// Collects into the memory of an old body.
    pub(super) fn new(mut bytes: Vec<u8>, gzip: bool, limit: u64) -> Self {
        bytes.clear();
        let buffer = Buffer { bytes, limit };
        match gzip {
            true => Self::Gzip(Box::new(MultiGzDecoder::new(buffer))),
            false => Self::Plain(buffer),
        }
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), FetchError> {
        match self {
            Self::Plain(buffer) => buffer.write_all(piece),
            Self::Gzip(decoder) => decoder.write_all(piece),
        }
        .map_err(broken)
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, FetchError> {
        match self {
            Self::Plain(buffer) => Ok(buffer.bytes),
            Self::Gzip(decoder) => decoder.finish().map(|b| b.bytes).map_err(broken),
        }
    }
}

fn broken(error: io::Error) -> FetchError {
    match error.kind() {
        io::ErrorKind::QuotaExceeded => FetchError::BodySizeLimit,
        io::ErrorKind::UnexpectedEof => {
            FetchError::Body { reason: "unexpected EOF".to_owned(), source: Some(Box::new(error)) }
        }
        _ => FetchError::Body { reason: format!("gzip: {error}"), source: None },
    }
}
