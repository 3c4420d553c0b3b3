//! Protocol buffers by hand: fields off a slice, fields onto a buffer.
//!
//! Source: "Encoding" of the Protocol Buffers documentation. Unknown fields are skipped, groups included, as
//! the format demands; a known field of another wire type than its own is an error.

#![cfg_attr(
    not(all(feature = "protobuf", feature = "remote-write")),
    allow(dead_code, unused_imports, reason = "each format uses a part of its own")
)]

mod read;
mod write;

pub(crate) use read::{Field, Reader, zigzag};
#[cfg(feature = "protobuf")]
pub(crate) use write::delimited;
#[cfg(any(feature = "remote-write", all(test, feature = "otlp")))]
pub(crate) use write::set_double;
#[cfg(all(test, feature = "otlp"))]
pub(crate) use write::set_fixed64;
pub(crate) use write::{double, int64, message, packed, sint32, string, to_zigzag, uint64, varint};

pub(crate) use crate::error::{WireError, WireProblem};
