//! What a body is packed with: `Content-Encoding`, both ways.

use std::io::{self, Read};

/// Unpacked size up to which a body is taken unless told otherwise: 1 GiB.
pub const DEFAULT_MAX_UNPACKED: usize = 1 << 30;

/// An encoding of bodies. Snappy blocks belong to remote write and are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// As it is.
    Identity,
    /// RFC 1952.
    #[cfg(feature = "gzip")]
    Gzip,
    /// RFC 8878.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// Why a body could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// Unpacked it is larger than allowed.
    #[error("unpacked body exceeds the limit of {limit} bytes")]
    TooLarge {
        /// What is allowed.
        limit: usize,
    },
    /// It is not packed as it says.
    #[error("broken {0} body")]
    Corrupt(&'static str, #[source] io::Error),
}

impl Compression {
    /// The word in `Content-Encoding` and `Accept-Encoding`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            #[cfg(feature = "gzip")]
            Self::Gzip => "gzip",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    /// The encoding of a `Content-Encoding` header; an empty one means none. `None` if it is not built in.
    pub fn of_body(content_encoding: &str) -> Option<Self> {
        let name = content_encoding.trim().to_ascii_lowercase();
        match name.as_str() {
            "" | "identity" => Some(Self::Identity),
            #[cfg(feature = "gzip")]
            "gzip" | "x-gzip" => Some(Self::Gzip),
            #[cfg(feature = "zstd")]
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Unpacks a body that may take up to `limit` bytes.
    ///
    /// # Errors
    /// If it takes more, which is noticed when it happens, or is broken.
    pub fn unpack(self, body: &[u8], limit: usize) -> Result<Vec<u8>, UnpackError> {
        let unpacked = match self {
            Self::Identity => read_all(body, limit),
            #[cfg(feature = "gzip")]
            Self::Gzip => read_all(flate2::read::MultiGzDecoder::new(body), limit),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::stream::read::Decoder::with_buffer(body).and_then(|d| read_all(d, limit)),
        };
        match unpacked {
            Ok(bytes) if bytes.len() > limit => Err(UnpackError::TooLarge { limit }),
            Ok(bytes) => Ok(bytes),
            Err(e) => Err(UnpackError::Corrupt(self.as_str(), e)),
        }
    }

    /// Packs a body, fast rather than small.
    ///
    /// # Errors
    /// If the packer cannot be set up, for lack of memory.
    pub fn pack(self, body: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(body.to_vec()),
            #[cfg(feature = "gzip")]
            Self::Gzip => {
                use std::io::Write;
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packer.write_all(body)?;
                packer.finish()
            }
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::stream::encode_all(body, 1),
        }
    }
}

/// Reads to the end, but no more than one byte beyond the limit.
fn read_all(source: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(most).read_to_end(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Compression> {
        vec![
            Compression::Identity,
            #[cfg(feature = "gzip")]
            Compression::Gzip,
            #[cfg(feature = "zstd")]
            Compression::Zstd,
        ]
    }

    #[test]
    fn bodies_survive_and_are_limited() {
        let body = b"metric_name{label=\"value\"} 1\n".repeat(1000);
        for compression in all() {
            assert_eq!(Compression::of_body(compression.as_str()), Some(compression));
            let packed = compression.pack(&body).unwrap();
            assert_eq!(compression.unpack(&packed, body.len()).unwrap(), body);
            let error = compression.unpack(&packed, body.len() - 1).unwrap_err();
            assert!(matches!(error, UnpackError::TooLarge { limit } if limit == body.len() - 1));
            if compression != Compression::Identity {
                assert!(packed.len() < body.len() / 20, "{compression:?}");
                let cut = compression.unpack(&packed[..packed.len() / 2], body.len());
                assert!(matches!(cut, Err(UnpackError::Corrupt(..))), "{compression:?}");
            }
        }
        assert_eq!(Compression::of_body(""), Some(Compression::Identity));
        assert_eq!(Compression::of_body("br"), None);
    }
}
