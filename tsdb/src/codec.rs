//! Numbers and strings as the files of the field write them: big endian, varints, length-prefixed bytes.

/// Writes a number in groups of seven bits, least significant first.
#[inline]
pub(crate) fn put_uvarint(buf: &mut Vec<u8>, mut x: u64) {
    while x >= 0x80 {
        buf.push(x as u8 | 0x80);
        x >>= 7;
    }
    buf.push(x as u8);
}

/// Writes a signed number, zigzag coded.
#[inline]
pub(crate) fn put_varint(buf: &mut Vec<u8>, x: i64) {
    put_uvarint(buf, zigzag(x));
}

/// Bytes that [`put_varint`] writes.
#[inline]
pub(crate) fn varint_len(x: i64) -> usize {
    (64 - (zigzag(x) | 1).leading_zeros()).div_ceil(7) as usize
}

/// Small magnitudes, small numbers.
#[inline]
pub(crate) fn zigzag(x: i64) -> u64 {
    ((x << 1) ^ (x >> 63)) as u64
}

/// What [`zigzag`] was given.
#[inline]
pub(crate) fn unzigzag(u: u64) -> i64 {
    ((u >> 1) as i64) ^ -((u & 1) as i64)
}

/// Writes bytes behind their length.
#[inline]
pub(crate) fn put_bytes(buf: &mut Vec<u8>, bytes: &[u8]) {
    put_uvarint(buf, bytes.len() as u64);
    buf.extend_from_slice(bytes);
}

/// CRC32C of the bytes, in four bytes.
pub(crate) fn put_crc(buf: &mut Vec<u8>, of: &[u8]) {
    buf.extend_from_slice(&crc32c::crc32c(of).to_be_bytes());
}

/// Reads from the front of a slice and knows how far it came.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

/// Something was expected that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Byte within the slice that was read.
    pub(crate) at: usize,
    /// What was expected.
    pub(crate) expected: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { all: bytes, at: 0 }
    }

    /// Bytes read so far.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Bytes left to read.
    #[inline]
    pub(crate) fn remaining(&self) -> usize {
        self.all.len() - self.at
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// The error of something missing here.
    #[cold]
    pub(crate) fn malformed(&self, expected: &'static str) -> Malformed {
        Malformed { at: self.at, expected }
    }

    #[inline]
    pub(crate) fn take(&mut self, n: usize, expected: &'static str) -> Result<&'a [u8], Malformed> {
        match self.all.get(self.at..).and_then(|rest| rest.get(..n)) {
            Some(bytes) => {
                self.at += n;
                Ok(bytes)
            }
            None => Err(self.malformed(expected)),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Malformed> {
        match self.all.get(self.at..).and_then(<[u8]>::first_chunk::<N>) {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.malformed(expected)),
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>("a byte").map(|b| b[0])
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array("four bytes").map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array("eight bytes").map(u64::from_be_bytes)
    }

    /// A number in so many bytes, at most eight, least significant first.
    #[inline]
    pub(crate) fn number(&mut self, len: u8) -> Result<u64, Malformed> {
        let len = usize::from(len);
        if let Some(bytes) = self.all.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            self.at += len;
            // In two steps, as shifting by all bits is not defined.
            return Ok(u64::from_le_bytes(*bytes) & !(u64::MAX << (len * 4) << (len * 4)));
        }
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(self.take(len, "a number of known length")?);
        Ok(u64::from_le_bytes(bytes))
    }

    #[inline]
    pub(crate) fn f64(&mut self) -> Result<f64, Malformed> {
        self.u64().map(f64::from_bits)
    }

    #[inline]
    pub(crate) fn uvarint(&mut self) -> Result<u64, Malformed> {
        let start = self.at;
        if let Some(byte) = self.all.get(start)
            && *byte < 0x80
        {
            self.at += 1;
            return Ok(u64::from(*byte));
        }
        if let Some([low, high]) = self.all.get(start..).and_then(<[u8]>::first_chunk::<2>)
            && *high < 0x80
        {
            self.at += 2;
            return Ok(u64::from(low & 0x7f) | u64::from(*high) << 7);
        }
        let (mut x, mut shift) = (0u64, 0u32);
        for byte in &self.all[start..] {
            if shift == 63 && *byte > 1 {
                break;
            }
            x |= u64::from(byte & 0x7f) << shift;
            self.at += 1;
            if *byte < 0x80 {
                return Ok(x);
            }
            shift += 7;
        }
        self.at = start;
        Err(self.malformed("a varint"))
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<i64, Malformed> {
        self.uvarint().map(unzigzag)
    }

    /// A number of things that each take at least `least` bytes of what remains, so that nobody reserves memory
    /// for more than can be there.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, Malformed> {
        let n = self.uvarint()?;
        match usize::try_from(n) {
            Ok(n) if n.saturating_mul(least) <= self.remaining() => Ok(n),
            _ => Err(self.malformed("a count that the rest can hold")),
        }
    }

    /// All that is left, without taking it.
    pub(crate) fn peek(&self) -> &'a [u8] {
        &self.all[self.at..]
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.all[self.at..];
        self.at = self.all.len();
        rest
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let n = self.count(1)?;
        self.take(n, "bytes of the length before them")
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, Malformed> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed("valid UTF-8 before here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(u in any::<u64>(), i in any::<i64>(), s in ".{0,200}") {
            let mut buf = vec![];
            put_uvarint(&mut buf, u);
            let before = buf.len();
            put_varint(&mut buf, i);
            prop_assert_eq!(buf.len() - before, varint_len(i));
            put_bytes(&mut buf, s.as_bytes());
            let mut r = Reader::new(&buf);
            prop_assert_eq!((r.uvarint(), r.varint(), r.str()), (Ok(u), Ok(i), Ok(s.as_str())));
            prop_assert!(r.is_empty());
            for len in 0..buf.len() {
                let mut r = Reader::new(&buf[..len]);
                prop_assert!(r.uvarint().and_then(|_| r.varint()).and_then(|_| r.str()).is_err());
            }
        }
    }

    #[test]
    fn lengths_beyond_the_rest_are_refused() {
        let mut buf = vec![];
        put_uvarint(&mut buf, u64::MAX);
        assert!(Reader::new(&buf).bytes().is_err());
        assert!(Reader::new(&[0xff; 11]).uvarint().is_err());
    }
}
