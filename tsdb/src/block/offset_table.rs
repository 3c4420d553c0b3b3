//! The postings offset table of an index: for every label name and value, where its list of series lies.

use std::collections::BTreeMap;

use crate::codec::{Malformed, Reader};

/// Every how many values of a name the place of one is kept in memory.
const STRIDE: usize = 16;

/// The values of each label name. The bytes live with the index.
#[derive(Debug)]
pub(super) struct OffsetTable {
    names: BTreeMap<Box<str>, Values>,
    /// Where the section starts in the file.
    start: usize,
}

/// Where the entries of one name lie, by place in the section.
#[derive(Debug)]
struct Values {
    /// Entries from which walking starts, in order of their values.
    places: Vec<u32>,
    /// Entries to walk from each place; the last place may have fewer.
    stride: usize,
    count: usize,
}

/// One entry of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    /// Where the list lies in the file.
    pub(super) postings: u64,
}

impl OffsetTable {
    /// Reads a section whose length and checksum were verified and that starts at `start` of the file. Tables of
    /// version 1 are not `sorted`.
    pub(super) fn read(section: &[u8], start: usize, sorted: bool) -> Result<Self, Malformed> {
        let mut names: BTreeMap<Box<str>, Values> = BTreeMap::new();
        let mut r = Reader::new(section);
        let count = r.u32()?;
        let stride = if sorted { STRIDE } else { 1 };
        let mut last: Option<(&str, Values)> = None;
        for _ in 0..count {
            let place = r.position() as u32;
            let entry = read_entry(&mut r)?;
            match &mut last {
                Some((name, values)) if *name == entry.name => {
                    if values.count % stride == 0 {
                        values.places.push(place);
                    }
                    values.count += 1;
                }
                _ => {
                    let fresh = Values { places: vec![place], stride, count: 1 };
                    if let Some((name, values)) = last.replace((entry.name, fresh)) {
                        add(&mut names, name, values, sorted, &r)?;
                    }
                }
            }
        }
        if let Some((name, values)) = last {
            add(&mut names, name, values, sorted, &r)?;
        }
        if !sorted {
            for values in names.values_mut() {
                // Verified by the loop above: every place holds an entry.
                values.places.sort_by_key(|p| entry_at(section, *p).map_or("", |e| e.value));
            }
        }
        Ok(Self { names, start })
    }

    /// All label names in order; the empty name, which lists all series, is left out.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name).filter(|name| !name.is_empty())
    }

    /// Number of values of a name.
    pub(super) fn count(&self, name: &str) -> usize {
        self.names.get(name).map_or(0, |v| v.count)
    }

    /// The entry of a name and value.
    pub(super) fn find<'a>(
        &self,
        file: &'a [u8],
        name: &str,
        value: &str,
    ) -> Result<Option<Entry<'a>>, Malformed> {
        let Some(values) = self.names.get(name) else { return Ok(None) };
        let section = self.section(file);
        let mut failed = None;
        let behind = values.places.partition_point(|place| match entry_at(section, *place) {
            Ok(entry) => entry.value <= value,
            Err(e) => {
                failed = Some(e);
                false
            }
        });
        if let Some(e) = failed {
            return Err(e);
        }
        let Some(first) = behind.checked_sub(1) else { return Ok(None) };
        for entry in values.walk(section, first) {
            let entry = entry?;
            if entry.value >= value {
                return Ok((entry.value == value).then_some(entry));
            }
        }
        Ok(None)
    }

    /// All entries of a name, in order of their values.
    pub(super) fn entries<'a>(
        &'a self,
        file: &'a [u8],
        name: &str,
    ) -> impl Iterator<Item = Result<Entry<'a>, Malformed>> {
        let section = self.section(file);
        self.names
            .get(name)
            .into_iter()
            .flat_map(move |values| (0..values.places.len()).flat_map(move |i| values.walk(section, i)))
    }

    fn section<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        file.get(self.start..).unwrap_or_default()
    }
}

impl Values {
    /// The entries from a kept place up to the next.
    fn walk<'a>(
        &self,
        section: &'a [u8],
        first: usize,
    ) -> impl Iterator<Item = Result<Entry<'a>, Malformed>> + use<'a> {
        let n = self.stride.min(self.count - first * self.stride);
        let mut r = Reader::new(section.get(self.places[first] as usize..).unwrap_or_default());
        (0..n).map(move |_| read_entry(&mut r))
    }
}

fn add(
    names: &mut BTreeMap<Box<str>, Values>,
    name: &str,
    mut values: Values,
    sorted: bool,
    r: &Reader<'_>,
) -> Result<(), Malformed> {
    values.places.shrink_to_fit();
    match names.get_mut(name) {
        None => {
            names.insert(name.into(), values);
        }
        Some(known) if !sorted => {
            known.places.append(&mut values.places);
            known.count += values.count;
        }
        Some(_) => return Err(r.malformed("the values of a label name side by side")),
    }
    Ok(())
}

fn read_entry<'a>(r: &mut Reader<'a>) -> Result<Entry<'a>, Malformed> {
    if r.uvarint()? != 2 {
        return Err(r.malformed("two keys before here"));
    }
    Ok(Entry { name: r.str()?, value: r.str()?, postings: r.uvarint()? })
}

fn entry_at(section: &[u8], place: u32) -> Result<Entry<'_>, Malformed> {
    read_entry(&mut Reader::new(section.get(place as usize..).unwrap_or_default()))
}
