//! The snappy block around every message.

/// Unpacked size up to which a body is taken unless told otherwise: 128 MiB, some hundred times what senders
/// put into one request.
pub const DEFAULT_MAX_DECOMPRESSED: usize = 128 << 20;

/// No element of the format grows more than this: three bytes copy at most 64.
const MAX_GROWTH: usize = 22;

/// Why a body could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnappyError {
    /// Unpacked it would be larger than allowed.
    #[error("decompressed size of {size} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// What the block announces.
        size: usize,
        /// What is allowed.
        limit: usize,
    },
    /// It is no snappy block.
    #[error("not a snappy block")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Unpacks a body that may take up to `limit` bytes.
///
/// ```
/// use expo_format::remote_write::{SnappyError, compress, decompress};
/// let body = compress(&[7; 1000]);
/// assert_eq!(decompress(&body, 1000).unwrap(), [7; 1000]);
/// assert!(matches!(decompress(&body, 999), Err(SnappyError::TooLarge { size: 1000, limit: 999 })));
/// ```
///
/// # Errors
/// If the block announces more than `limit` bytes, which is checked before anything is allocated, or is broken.
pub fn decompress(body: &[u8], limit: usize) -> Result<Vec<u8>, SnappyError> {
    let corrupt = |e: snap::Error| SnappyError::Corrupt(Box::new(e));
    let size = snap::raw::decompress_len(body).map_err(corrupt)?;
    if size > limit {
        return Err(SnappyError::TooLarge { size, limit });
    }
    if size > body.len().saturating_mul(MAX_GROWTH) {
        return Err(corrupt(snap::Error::HeaderMismatch { expected_len: size as u64, got_len: 0 }));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(corrupt)
}

/// Packs a message into a body.
pub fn compress(message: &[u8]) -> Vec<u8> {
    // Fails only for messages beyond 4 GiB; an empty body is refused by every receiver.
    snap::raw::Encoder::new().compress_vec(message).unwrap_or_default()
}
