//! Takes messages apart.

use super::{WireError, WireProblem};
use crate::limits::DEFAULT_NESTING;

/// The fields of one message, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where this message begins inside the outermost one.
    base: usize,
    /// How many unknown groups, or values inside values, may stand inside each other.
    nesting: u32,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    nesting: u32,
    content: Content<'a>,
    offset: usize,
}

#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    Varint(u64),
    Fixed64(u64),
    /// No message of this crate has such a field, so its value is not kept.
    Fixed32,
    /// The bytes, and where they begin inside the outermost message.
    Bytes(&'a [u8], usize),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self::with_nesting(bytes, DEFAULT_NESTING)
    }

    /// A reader that skips this many unknown groups inside each other, and the messages inside it likewise.
    pub(crate) fn with_nesting(bytes: &'a [u8], nesting: u32) -> Self {
        Self { bytes, at: 0, base: 0, nesting }
    }

    /// The same message as one that stands inside another of its kind, if it may.
    #[cfg(feature = "otlp")]
    pub(crate) fn nested(self) -> Result<Self, WireError> {
        match self.nesting.checked_sub(1) {
            Some(nesting) => Ok(Self { nesting, ..self }),
            None => Err(self.error(self.offset(), WireProblem::Nesting(0))),
        }
    }

    /// Bytes not read yet.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// Where the reader stands inside the outermost message.
    pub(crate) fn offset(&self) -> usize {
        self.base + self.at
    }

    /// A message of two short texts in fields 1 and 2 and nothing else, as nearly every label is; `None` says
    /// nothing about any other message.
    #[cfg(any(feature = "protobuf", feature = "remote-write"))]
    #[inline]
    pub(crate) fn two_texts(&self) -> Option<(&'a [u8], &'a [u8])> {
        let [0x0a, length @ 0..0x80, rest @ ..] = self.bytes.get(self.at..)? else { return None };
        let (first, rest) = rest.split_at_checked(usize::from(*length))?;
        let [0x12, length @ 0..0x80, second @ ..] = rest else { return None };
        (second.len() == usize::from(*length)).then_some((first, second))
    }

    /// As [`Reader::two_texts`], if both are UTF-8. What stands around them is ASCII, so that all of the message
    /// can be checked at once.
    #[cfg(feature = "protobuf")]
    #[inline]
    pub(crate) fn two_strings(&self) -> Option<(&'a str, &'a str)> {
        let (first, second) = self.two_texts()?;
        let message = std::str::from_utf8(self.bytes.get(self.at..)?).ok()?;
        let (head, second) = message.split_at_checked(message.len() - second.len())?;
        Some((head.get(2..2 + first.len())?, second))
    }

    /// The next field, if it is a short message of this small number.
    #[cfg(feature = "protobuf")]
    #[inline]
    pub(crate) fn short_message(&mut self, number: u8) -> Option<Reader<'a>> {
        let [key, length @ 0..0x80, rest @ ..] = self.bytes.get(self.at..)? else { return None };
        if *key != number << 3 | 2 {
            return None;
        }
        let bytes = rest.get(..usize::from(*length))?;
        let base = self.offset() + 2;
        self.at += 2 + bytes.len();
        Some(Reader { bytes, at: 0, base, nesting: self.nesting })
    }

    /// A message of a number in field 1 and a double in field 2 and nothing else, as nearly every bucket is.
    #[cfg(feature = "protobuf")]
    #[inline]
    pub(crate) fn number_and_double(&self) -> Option<(u64, f64)> {
        let (double, rest) = self.bytes.get(self.at..)?.split_last_chunk::<8>().map(|(r, d)| (d, r))?;
        let [0x08, number @ .., 0x11] = rest else { return None };
        Some((whole_varint(number)?, f64::from_le_bytes(*double)))
    }

    /// A message of a double in field 1 and a number in field 2 and nothing else, as nearly every sample is.
    #[cfg(feature = "remote-write")]
    #[inline]
    pub(crate) fn double_and_number(&self) -> Option<(f64, u64)> {
        let [0x09, rest @ ..] = self.bytes.get(self.at..)? else { return None };
        let (double, rest) = rest.split_first_chunk::<8>()?;
        let [0x10, number @ ..] = rest else { return None };
        Some((f64::from_le_bytes(*double), whole_varint(number)?))
    }

    /// Steps over short messages and texts whose numbers, which are small, are of no interest.
    #[cfg(any(feature = "protobuf", feature = "remote-write"))]
    #[inline]
    pub(crate) fn skip_short(&mut self, is_skipped: impl Fn(u8) -> bool) {
        while let Some([key @ 0x08..0x80, length @ 0..0x80, rest @ ..]) = self.bytes.get(self.at..) {
            let length = usize::from(*length);
            if key & 7 != 2 || !is_skipped(key >> 3) || length > rest.len() {
                return;
            }
            self.at += 2 + length;
        }
    }

    /// The next field; `None` at the end of the message.
    #[inline]
    pub(crate) fn field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        // Keys nearly always take one byte, lengths one or two.
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (number, content, end) = match rest {
            [] => return Ok(None),
            [key @ 0x08..0x80, length @ 0..0x80, rest @ ..] if key & 7 == 2 => {
                let Some(bytes) = rest.get(..usize::from(*length)) else { return self.any_field() };
                (key >> 3, Content::Bytes(bytes, self.offset() + 2), 2 + bytes.len())
            }
            [key @ 0x08..0x80, rest @ ..] if key & 7 == 1 => {
                let Some(bytes) = rest.first_chunk() else { return self.any_field() };
                (key >> 3, Content::Fixed64(u64::from_le_bytes(*bytes)), 9)
            }
            [key @ 0x08..0x80, number @ 0..0x80, ..] if key & 7 == 0 => {
                (key >> 3, Content::Varint(u64::from(*number)), 2)
            }
            [key @ 0x08..0x80, low, high @ 0..0x80, rest @ ..] if key & 7 == 2 => {
                let length = usize::from(*low & 0x7f) | usize::from(*high) << 7;
                let Some(bytes) = rest.get(..length) else { return self.any_field() };
                (key >> 3, Content::Bytes(bytes, self.offset() + 3), 3 + length)
            }
            _ => return self.any_field(),
        };
        let offset = self.offset();
        self.at += end;
        Ok(Some(Field { number: u32::from(number), nesting: self.nesting, content, offset }))
    }

    #[inline(never)]
    fn any_field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        loop {
            if self.at >= self.bytes.len() {
                return Ok(None);
            }
            let offset = self.offset();
            let key = self.varint()?;
            let Some(number) = u32::try_from(key >> 3).ok().filter(|n| *n != 0) else {
                return Err(self.error(offset, WireProblem::Key(key)));
            };
            let content = match key & 7 {
                0 => Content::Varint(self.varint()?),
                1 => Content::Fixed64(u64::from_le_bytes(self.array()?)),
                2 => {
                    let length = self.varint()?;
                    let start = self.offset();
                    let length = usize::try_from(length).ok().filter(|n| *n <= self.remaining());
                    let length = length.ok_or_else(|| self.error(start, WireProblem::Truncated))?;
                    Content::Bytes(self.take(length)?, start)
                }
                3 => {
                    self.skip_group(number)?;
                    continue;
                }
                5 => {
                    self.array::<4>()?;
                    Content::Fixed32
                }
                _ => return Err(self.error(offset, WireProblem::Key(key))),
            };
            return Ok(Some(Field { number, nesting: self.nesting, content, offset }));
        }
    }

    #[cfg(feature = "protobuf")]
    /// A length and that many bytes, without a key: how messages follow each other in a stream.
    pub(crate) fn delimited(&mut self) -> Result<Option<Reader<'a>>, WireError> {
        if self.remaining() == 0 {
            return Ok(None);
        }
        let length = self.varint()?;
        let base = self.offset();
        let length = usize::try_from(length).ok().filter(|n| *n <= self.remaining());
        let length = length.ok_or_else(|| self.error(base, WireProblem::Truncated))?;
        Ok(Some(Reader { bytes: self.take(length)?, at: 0, base, nesting: self.nesting }))
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if let Some(&first) = rest.first()
            && first < 0x80
        {
            self.at += 1;
            return Ok(u64::from(first));
        }
        let mut value = 0u64;
        for (i, b) in rest.iter().take(10).enumerate() {
            // The tenth byte has room for one bit only.
            if i == 9 && *b > 1 {
                break;
            }
            value |= u64::from(b & 0x7f) << (7 * i);
            if *b < 0x80 {
                self.at += i + 1;
                return Ok(value);
            }
        }
        let problem = if rest.len() < 10 { WireProblem::Truncated } else { WireProblem::Overflow };
        Err(self.error(self.offset(), problem))
    }

    /// The next two varints, if they take at most two bytes each: nearly every pair of references to symbols.
    #[cfg(feature = "remote-write")]
    #[inline]
    pub(crate) fn two_small_varints(&mut self) -> Option<(u32, u32)> {
        let rest = self.bytes.get(self.at..)?;
        let (first, rest) = small_varint(rest)?;
        let (second, rest) = small_varint(rest)?;
        self.at = self.bytes.len() - rest.len();
        Some((first, second))
    }

    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..length)) {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => Err(self.error(self.offset(), WireProblem::Truncated)),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let offset = self.offset();
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.error(offset, WireProblem::Truncated))
    }

    /// Skips the fields of a group up to its end key. The open groups are kept in a list and not on the stack,
    /// because the depth is the caller's to choose.
    fn skip_group(&mut self, group: u32) -> Result<(), WireError> {
        let mut open = vec![u64::from(group)];
        while let Some(&innermost) = open.last() {
            if u32::try_from(open.len()).map_or(true, |depth| depth > self.nesting) {
                return Err(self.error(self.offset(), WireProblem::Nesting(self.nesting)));
            }
            let offset = self.offset();
            let key = self.varint()?;
            match key & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.array::<8>()?),
                2 => {
                    let length = self.varint()?;
                    self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
                }
                3 => open.push(key >> 3),
                4 if key >> 3 == innermost => drop(open.pop()),
                5 => drop(self.array::<4>()?),
                _ => return Err(self.error(offset, WireProblem::Key(key))),
            }
        }
        Ok(())
    }

    #[cold]
    fn error(&self, offset: usize, problem: WireProblem) -> WireError {
        WireError { offset, problem }
    }
}

impl<'a> Field<'a> {
    /// Whether it is one number, and not a packed list of them.
    #[cfg(feature = "remote-write")]
    #[inline]
    pub(crate) fn is_number(&self) -> bool {
        matches!(self.content, Content::Varint(_))
    }

    #[inline]
    pub(crate) fn uint64(&self) -> Result<u64, WireError> {
        match self.content {
            Content::Varint(value) => Ok(value),
            _ => Err(self.wrong_type()),
        }
    }

    #[inline]
    pub(crate) fn int64(&self) -> Result<i64, WireError> {
        self.uint64().map(|v| v as i64)
    }

    /// The low half: what every implementation makes of a number that is too long for its field.
    #[inline]
    pub(crate) fn uint32(&self) -> Result<u32, WireError> {
        self.uint64().map(|v| v as u32)
    }

    #[inline]
    pub(crate) fn sint32(&self) -> Result<i32, WireError> {
        self.uint64().map(|v| zigzag(v) as i32)
    }

    #[inline]
    pub(crate) fn double(&self) -> Result<f64, WireError> {
        match self.content {
            Content::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(self.wrong_type()),
        }
    }

    /// A fixed 64-bit number.
    #[cfg(feature = "otlp")]
    pub(crate) fn fixed64(&self) -> Result<u64, WireError> {
        match self.content {
            Content::Fixed64(value) => Ok(value),
            _ => Err(self.wrong_type()),
        }
    }

    /// Fixed 64-bit numbers of a repeated field, packed or one by one.
    #[cfg(feature = "otlp")]
    pub(crate) fn fixed64s(&self, into: &mut Vec<u64>) -> Result<(), WireError> {
        let mut bits = Vec::new();
        self.doubles(&mut bits)?;
        into.extend(bits.into_iter().map(f64::to_bits));
        Ok(())
    }

    #[inline]
    pub(crate) fn bytes(&self) -> Result<&'a [u8], WireError> {
        match self.content {
            Content::Bytes(bytes, _) => Ok(bytes),
            _ => Err(self.wrong_type()),
        }
    }

    #[inline]
    pub(crate) fn string(&self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?)
            .map_err(|_| WireError { offset: self.offset, problem: WireProblem::Utf8(self.number) })
    }

    /// The message inside.
    #[inline]
    pub(crate) fn message(&self) -> Result<Reader<'a>, WireError> {
        match self.content {
            Content::Bytes(bytes, base) => Ok(Reader { bytes, at: 0, base, nesting: self.nesting }),
            _ => Err(self.wrong_type()),
        }
    }

    /// Doubles of a repeated field, packed or one by one.
    pub(crate) fn doubles(&self, into: &mut Vec<f64>) -> Result<(), WireError> {
        let Content::Bytes(bytes, _) = self.content else {
            into.push(self.double()?);
            return Ok(());
        };
        let words = bytes.chunks_exact(8);
        if !words.remainder().is_empty() {
            return Err(WireError { offset: self.offset, problem: WireProblem::Truncated });
        }
        into.extend(words.map(|w| f64::from_le_bytes(w.try_into().unwrap_or_default())));
        Ok(())
    }

    /// Varints of a repeated field, packed or one by one.
    #[inline]
    pub(crate) fn varints(&self, mut each: impl FnMut(u64)) -> Result<(), WireError> {
        if let Content::Varint(value) = self.content {
            each(value);
            return Ok(());
        }
        let mut packed = self.message()?;
        while packed.remaining() > 0 {
            each(packed.varint()?);
        }
        Ok(())
    }

    #[cold]
    fn wrong_type(&self) -> WireError {
        WireError { offset: self.offset, problem: WireProblem::WireType(self.number) }
    }
}

/// A varint of at most two bytes, and what follows it.
#[cfg(feature = "remote-write")]
#[inline]
fn small_varint(bytes: &[u8]) -> Option<(u32, &[u8])> {
    match bytes {
        [only @ 0..0x80, rest @ ..] => Some((u32::from(*only), rest)),
        [low, high @ 0..0x80, rest @ ..] => Some((u32::from(low & 0x7f) | u32::from(*high) << 7, rest)),
        _ => None,
    }
}

/// A varint of at most nine bytes that fills the slice.
#[cfg(any(feature = "protobuf", feature = "remote-write"))]
#[inline]
fn whole_varint(bytes: &[u8]) -> Option<u64> {
    let (last, more) = bytes.split_last()?;
    if more.len() > 8 || *last >= 0x80 || more.iter().any(|b| *b < 0x80) {
        return None;
    }
    let low = |value: u64, b: &u8| value << 7 | u64::from(b & 0x7f);
    Some(more.iter().rev().fold(u64::from(*last), low))
}

/// A signed number as `sint` fields store it.
#[inline]
pub(crate) fn zigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}
