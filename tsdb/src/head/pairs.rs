//! Label pairs as numbers: every `name="value"` once, with the list of series that carry it.

use std::collections::HashMap;

use super::hash_table::HashTable;
use super::id_list::IdList;

/// Text of all pairs; offsets are 32 bits wide.
const MAX_TEXT: usize = u32::MAX as usize;

/// All label pairs of the head. A series is a list of pair ids, so a pair's text is kept once however many
/// series carry it, and the postings list of a pair needs no look-up of its own.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    text: String,
    pairs: Vec<Pair>,
    by_text: HashTable,
    names: Vec<Name>,
    /// Bytes of all lists of series, and of the pairs of all names.
    lists: usize,
    by_name: HashMap<Box<str>, u32>,
}

#[derive(Debug)]
struct Pair {
    name: u32,
    value_start: u32,
    value_len: u32,
    series: IdList,
}

#[derive(Debug)]
struct Name {
    text: Box<str>,
    pairs: Vec<u32>,
}

/// More distinct label text than 32-bit offsets can address.
#[derive(Debug)]
pub(super) struct TextFull;

impl Pairs {
    /// The id of a pair, made if it is new.
    pub(super) fn intern(&mut self, name: &str, value: &str) -> Result<u32, TextFull> {
        let hash = hash_pair(name, value);
        if let Some(id) = self.find_hashed(hash, name, value) {
            return Ok(id);
        }
        let name_id = self.intern_name(name);
        if MAX_TEXT - self.text.len() < value.len() || self.pairs.len() >= MAX_TEXT {
            return Err(TextFull);
        }
        let id = self.pairs.len() as u32;
        let value_start = self.text.len() as u32;
        self.text.push_str(value);
        self.pairs.push(Pair {
            name: name_id,
            value_start,
            value_len: value.len() as u32,
            series: IdList::default(),
        });
        self.by_text.insert(hash, id);
        self.names[name_id as usize].pairs.push(id);
        self.lists += size_of_val(&id);
        Ok(id)
    }

    /// The id of a pair that exists.
    pub(super) fn find(&self, name: &str, value: &str) -> Option<u32> {
        self.find_hashed(hash_pair(name, value), name, value)
    }

    fn find_hashed(&self, hash: u64, name: &str, value: &str) -> Option<u32> {
        self.by_text.find(hash, |id| self.get(id) == (name, value))
    }

    fn intern_name(&mut self, name: &str) -> u32 {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = self.names.len() as u32;
        self.names.push(Name { text: name.into(), pairs: Vec::new() });
        self.by_name.insert(name.into(), id);
        id
    }

    /// All pairs, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        (0..self.pairs.len() as u32).map(|id| self.get(id))
    }

    /// Name and value of a pair.
    pub(super) fn get(&self, id: u32) -> (&str, &str) {
        let pair = &self.pairs[id as usize];
        let value = &self.text[pair.value_start as usize..][..pair.value_len as usize];
        (&self.names[pair.name as usize].text, value)
    }

    /// Series that carry a pair.
    pub(super) fn series(&self, id: u32) -> &IdList {
        &self.pairs[id as usize].series
    }

    /// Notes that a series, newer than all others, carries a pair.
    pub(super) fn add_series(&mut self, id: u32, series: u32) {
        let list = &mut self.pairs[id as usize].series;
        let before = list.heap_size();
        list.push(series);
        self.lists += list.heap_size() - before;
    }

    /// Bytes of everything.
    pub(super) fn heap_size(&self) -> usize {
        let names = self.names.len() * (size_of::<Name>() + size_of::<(Box<str>, u32)>());
        let pairs = self.pairs.capacity() * size_of::<Pair>();
        self.text.capacity() + pairs + self.by_text.heap_size() + names + self.lists
    }

    /// All names, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|n| &*n.text)
    }

    /// Pairs with this name, in the order in which they came.
    pub(super) fn with_name(&self, name: &str) -> &[u32] {
        self.by_name.get(name).map_or(&[], |id| &self.names[*id as usize].pairs)
    }
}

fn hash_pair(name: &str, value: &str) -> u64 {
    let mut hash = Mix(0x2545_f491_4f6c_dd1d ^ name.len() as u64);
    hash.bytes(name.as_bytes());
    hash.bytes(value.as_bytes());
    hash.finish()
}

/// A multiply-and-fold hash of eight bytes at a time. Not kept on disk, so it may change.
struct Mix(u64);

impl Mix {
    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
    }

    fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15_u128;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        let h = self.0.wrapping_mul(0xd6e8_feb8_6659_fd93);
        h ^ h >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_one_id() {
        let mut pairs = Pairs::default();
        let a = pairs.intern("job", "node").unwrap();
        assert_eq!(pairs.intern("job", "node").unwrap(), a);
        let others = [("jo", "bnode"), ("job", "nod"), ("job", ""), ("env", "node")];
        for (name, value) in others {
            assert_ne!(pairs.intern(name, value).unwrap(), a);
        }
        assert_eq!(pairs.get(a), ("job", "node"));
        assert_eq!(pairs.find("env", "node").map(|id| pairs.get(id)), Some(("env", "node")));
        assert_eq!(pairs.find("env", "x"), None);
        assert_eq!(pairs.with_name("job").len(), 3);
    }
}
