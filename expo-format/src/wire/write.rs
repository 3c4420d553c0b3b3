//! Puts messages together. Writing cannot fail.

/// A number of seven bits per byte.
#[inline]
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn key(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

/// An unsigned number, even if it is zero.
#[inline]
pub(crate) fn uint64(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, 0);
    varint(out, value);
}

/// A signed number in two's complement, left out if it is zero.
#[inline]
pub(crate) fn int64(out: &mut Vec<u8>, field: u32, value: i64) {
    if value != 0 {
        uint64(out, field, value as u64);
    }
}

/// A signed number in zigzag form, left out if it is zero.
#[inline]
pub(crate) fn sint32(out: &mut Vec<u8>, field: u32, value: i32) {
    if value != 0 {
        uint64(out, field, to_zigzag(i64::from(value)));
    }
}

/// A double, left out if it is positive zero.
#[inline]
pub(crate) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    if value.to_bits() != 0 {
        set_double(out, field, value);
    }
}

/// A double, even if it is zero.
#[inline]
pub(crate) fn set_double(out: &mut Vec<u8>, field: u32, value: f64) {
    key(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Text or bytes, left out if empty.
#[inline]
pub(crate) fn string(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        key(out, field, 2);
        varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}

/// A message inside the message, even if it is empty.
#[inline]
pub(crate) fn message(out: &mut Vec<u8>, field: u32, body: impl FnOnce(&mut Vec<u8>)) {
    key(out, field, 2);
    delimited(out, body);
}

/// A length and what `body` appends. The length is known only afterwards, so one byte is kept free for it and
/// the body moves in the rare case that it needs more.
pub(crate) fn delimited(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.push(0);
    body(out);
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
        return;
    }
    let mut prefix = Vec::with_capacity(10);
    varint(&mut prefix, length as u64);
    out.splice(start..=start, prefix);
}

/// A repeated field in packed form, left out if it has no elements.
pub(crate) fn packed<T>(
    out: &mut Vec<u8>,
    field: u32,
    elements: impl ExactSizeIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    if elements.len() > 0 {
        message(out, field, |out| elements.for_each(|element| each(out, element)));
    }
}

/// A signed number as `sint` fields store it.
#[inline]
pub(crate) fn to_zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// A fixed 64-bit number, even if it is zero.
#[cfg(all(test, feature = "otlp"))]
pub(crate) fn set_fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}
