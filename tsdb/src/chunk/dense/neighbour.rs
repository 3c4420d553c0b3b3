//! Chunks that leave their times to a neighbour: many series of a target have the same times, so that a block holds
//! them in the first such chunk only.

use super::header::{FORM_AT, Header, Times, form_with};
use super::{damaged, times, what};
use crate::chunk::ChunkError;
use crate::codec::{Reader, put_uvarint};

/// Times that take fewer bytes are repeated: a reference takes some too, and another look-up.
const FEW: usize = 16;

/// The parts of a dense chunk, one behind the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    header: &'a [u8],
    times: &'a [u8],
    values: &'a [u8],
    form: Times,
}

/// Takes a dense chunk apart.
///
/// # Errors
/// If it is damaged, or left its times to another already: the reference would mean nothing in another block.
pub(crate) fn split(chunk: &[u8]) -> Result<Parts<'_>, ChunkError> {
    let mut r = Reader::new(chunk);
    let header = Header::take(&mut r)?;
    let start = r.position();
    if header.times == Times::Elsewhere {
        let reference = r.uvarint().map_err(|m| damaged(&r, what(m)))?;
        return Err(ChunkError::TimesElsewhere { reference });
    }
    times::skip(&mut r, &header).map_err(|what| damaged(&r, what))?;
    let (before, values) = chunk.split_at(r.position());
    let (header_bytes, times) = before.split_at(start);
    Ok(Parts { header: header_bytes, times, values, form: header.times })
}

impl<'a> Parts<'a> {
    /// The bytes of times that are worth sharing.
    pub(crate) fn shared_times(&self) -> Option<&'a [u8]> {
        (self.form == Times::Column && self.times.len() >= FEW).then_some(self.times)
    }

    /// The chunk with its times left to the chunk of that reference, into an empty buffer.
    pub(crate) fn put_referring(&self, reference: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.header);
        if let Some(form) = out.get_mut(FORM_AT) {
            *form = form_with(*form, Times::Elsewhere);
        }
        put_uvarint(out, reference);
        out.extend_from_slice(self.values);
    }
}
