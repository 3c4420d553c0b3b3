//! Protocol buffers by hand: fields off a slice, fields onto a buffer.
//!
//! Source: "Encoding" of the Protocol Buffers documentation. Unknown fields are skipped, groups included, as
//! the format demands; a known field of another wire type than its own is an error.

mod read;
mod write;

pub(crate) use read::{Field, Reader, zigzag};
pub(crate) use write::{
    double, int64, message, packed, set_double, sint32, string, to_zigzag, uint64, varint,
};

/// Why bytes are not the message that they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the message: {problem}")]
pub struct WireError {
    /// The byte inside the outermost message, counted from zero.
    pub offset: usize,
    /// What is wrong there.
    pub problem: WireProblem,
}

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireProblem {
    /// The message stops inside a field.
    #[error("unexpected end")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("integer overflow")]
    Overflow,
    /// A key that no field can have.
    #[error("illegal field key {0}")]
    Key(u64),
    /// A known field of another wire type than its own.
    #[error("wrong wire type for field {0}")]
    WireType(u32),
    /// Groups inside groups beyond all reason.
    #[error("groups nested too deeply")]
    Depth,
    /// Text that is not UTF-8.
    #[error("invalid UTF-8 in field {0}")]
    Utf8(u32),
}
