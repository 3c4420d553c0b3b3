//! Compression of answers, as `Accept-Encoding` allows.

use std::fmt;
use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{ACCEPT_ENCODING, HeaderMap};

/// How an answer is compressed: `gzip` and `deflate` as the original, and `zstd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Deflate,
    Zstd,
}

impl Encoding {
    /// The first known word in `Accept-Encoding`; quality values are not looked at, as in the original.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let words = headers.get(ACCEPT_ENCODING)?.to_str().ok()?;
        words.split(',').find_map(|word| match word.trim() {
            "gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "zstd" => Some(Self::Zstd),
            _ => None,
        })
    }

    /// The word in `Content-Encoding`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

/// Compresses pieces as they come.
pub(super) enum Packer {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    /// Begins; `None` if there is not enough memory.
    pub(super) fn new(encoding: Encoding) -> Option<Self> {
        // Answers are large and read once: speed counts for more than the last per cent.
        let level = Compression::fast();
        Some(match encoding {
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), level)),
            Encoding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), level)),
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 1).ok()?),
        })
    }

    /// Adds a piece and returns what is ready, which may be nothing. A failure (of memory: a vector takes every byte)
    /// leaves the stream without its end, which every reader notices.
    pub(super) fn pack(&mut self, piece: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip(w) => w.write_all(piece).map(|()| std::mem::take(w.get_mut())),
            Self::Deflate(w) => w.write_all(piece).map(|()| std::mem::take(w.get_mut())),
            Self::Zstd(w) => w.write_all(piece).map(|()| std::mem::take(w.get_mut())),
        }
        .unwrap_or_default()
    }

    /// The end of the stream.
    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Gzip(w) => w.finish(),
            Self::Deflate(w) => w.finish(),
            Self::Zstd(w) => w.finish(),
        }
        .unwrap_or_default()
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Packer::Gzip",
            Self::Deflate(_) => "Packer::Deflate",
            Self::Zstd(_) => "Packer::Zstd",
        })
    }
}
