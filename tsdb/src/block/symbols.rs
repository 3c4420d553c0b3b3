//! The symbol table of an index: every label name and value once, in order.

use crate::codec::{Malformed, Reader, put_bytes};

/// Where the symbols of an index lie. The bytes live with the index.
#[derive(Debug)]
pub(super) struct Symbols {
    /// Place of the section in the file.
    start: u64,
    /// Place of every symbol in the section.
    places: Vec<u32>,
    /// Version 1 refers to symbols by their place in the file, later versions by their number.
    by_place: bool,
}

impl Symbols {
    /// Finds the symbols in a section whose length and checksum were verified and that starts at `start`.
    pub(super) fn read(section: &[u8], start: u64, by_place: bool) -> Result<Self, Malformed> {
        let mut r = Reader::new(section);
        let count = r.u32()?;
        let mut places = Vec::with_capacity((count as usize).min(section.len()));
        for _ in 0..count {
            // Sections are shorter than 4 GiB: their length has four bytes.
            places.push(r.position() as u32);
            r.bytes()?;
        }
        Ok(Self { start, places, by_place })
    }

    /// Number of symbols.
    pub(super) fn len(&self) -> u32 {
        self.places.len() as u32
    }

    /// The symbol that a reference names.
    #[inline]
    pub(super) fn get<'a>(&self, file: &'a [u8], reference: u32) -> Result<&'a str, Malformed> {
        if self.by_place {
            return reader_at(file, u64::from(reference))?.str();
        }
        match self.places.get(reference as usize) {
            Some(place) => reader_at(file, self.start + u64::from(*place))?.str(),
            None => Err(Malformed { at: 0, expected: "a reference to a symbol that exists" }),
        }
    }

    /// All symbols in order.
    pub(super) fn iter<'a>(&'a self, file: &'a [u8]) -> impl Iterator<Item = Result<&'a str, Malformed>> {
        self.places.iter().map(|place| reader_at(file, self.start + u64::from(*place))?.str())
    }
}

fn reader_at(file: &[u8], place: u64) -> Result<Reader<'_>, Malformed> {
    let missing = Malformed { at: 0, expected: "a place in the file" };
    let place = usize::try_from(place).map_err(|_| missing)?;
    file.get(place..).map(Reader::new).ok_or(missing)
}

/// Puts a whole symbol table together: length, number, symbols, checksum. `None` if it exceeds 4 GiB.
pub(super) fn encode<'a>(symbols: impl IntoIterator<Item = &'a str>) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 8];
    let mut count = 0u32;
    for symbol in symbols {
        put_bytes(&mut bytes, symbol.as_bytes());
        count = count.checked_add(1)?;
    }
    let len = u32::try_from(bytes.len() - 4).ok()?;
    bytes[..4].copy_from_slice(&len.to_be_bytes());
    bytes[4..8].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[4..]);
    bytes.extend_from_slice(&crc.to_be_bytes());
    Some(bytes)
}
