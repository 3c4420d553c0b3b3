//! The times of a dense chunk: the first, and the distance of all or a column of distances.

use super::header::{Header, Times};
use super::what;
use crate::chunk::pack::{put_column, take_column};
use crate::codec::{Reader, put_varint};

/// Appends times in their order, of which there is one at least, and says how.
pub(super) fn put(out: &mut Vec<u8>, timestamps: &[i64], steps: &mut Vec<i64>) -> Times {
    put_varint(out, timestamps[0]);
    steps.clear();
    steps.extend(timestamps.windows(2).map(|w| w[1].wrapping_sub(w[0])));
    let step = steps.first().copied().unwrap_or(0);
    if steps.iter().all(|s| *s == step) {
        put_varint(out, step);
        return Times::Regular;
    }
    put_column(out, steps);
    Times::Column
}

/// Reads times that the chunk holds itself. `Err` says what is wrong.
pub(super) fn take(r: &mut Reader<'_>, header: &Header, into: &mut Vec<i64>) -> Result<(), &'static str> {
    let n = usize::from(header.samples);
    let mut t = r.varint().map_err(what)?;
    into.reserve(n);
    if header.times == Times::Regular {
        let step = r.varint().map_err(what)?;
        into.extend((0..n as i64).map(|i| t.wrapping_add(step.wrapping_mul(i))));
        return Ok(());
    }
    into.push(t);
    take_column(r, n - 1, |steps| {
        into.extend(steps.iter().map(|step| {
            t = t.wrapping_add(*step);
            t
        }));
    })
}

/// Passes over times. `Err` says what is wrong.
pub(super) fn skip(r: &mut Reader<'_>, header: &Header) -> Result<(), &'static str> {
    r.varint().map_err(what)?;
    match header.times {
        Times::Regular => r.varint().map(|_| ()).map_err(what),
        _ => take_column(r, usize::from(header.samples) - 1, |_| ()),
    }
}
