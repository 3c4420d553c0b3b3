//! Writing an index: symbols, series, postings, tables. Always version 2.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use metrics_core::LabelSet;

use super::index_read::{HEADER, MAGIC, SERIES_ALIGN};
use super::{BlockError, ChunkMeta, symbols};
use crate::codec::{put_bytes, put_uvarint, put_varint};
use crate::fs::{File, FileError, Fs};

const VERSION: u8 = 2;

/// Bytes that are collected before they are written.
const WRITE_SIZE: usize = 1 << 20;

/// Writes an index from front to back. Memory: the symbols, and eight bytes for each label of each series.
#[derive(Debug)]
pub struct IndexWriter {
    out: Output,
    symbols: HashMap<Box<str>, u32>,
    series_at: u64,
    last: Option<LabelSet>,
    /// A number for each pair of symbols that occurs as a label.
    pairs: HashMap<(u32, u32), u32>,
    /// Ids of the series, in order.
    ids: Vec<u32>,
    /// Pairs of all series one behind the other, and how many each has.
    series_pairs: Vec<u32>,
    series_pair_counts: Vec<u32>,
    entry: Vec<u8>,
}

impl IndexWriter {
    /// Creates the file and writes the symbols: all label names and values, sorted, each once. There may be more
    /// than the series use.
    ///
    /// # Errors
    /// If symbols are out of order or writing failed.
    pub fn create<'a>(
        fs: &dyn Fs,
        path: &Path,
        all_symbols: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, BlockError> {
        let mut symbols = HashMap::new();
        let mut list: Vec<&str> = Vec::new();
        for symbol in all_symbols {
            if list.last().is_some_and(|last| *last >= symbol) {
                return Err(BlockError::SymbolOrder { symbol: symbol.to_owned() });
            }
            symbols.insert(symbol.into(), list.len() as u32);
            list.push(symbol);
        }
        let mut out = Output::create(fs, path)?;
        out.bytes.extend_from_slice(&MAGIC.to_be_bytes());
        out.bytes.push(VERSION);
        let table = symbols::encode(list).ok_or(BlockError::TooLarge { what: "the symbol table" })?;
        out.bytes.extend_from_slice(&table);
        out.flush()?;
        let series_at = out.position();
        Ok(Self {
            out,
            symbols,
            series_at,
            last: None,
            pairs: HashMap::new(),
            ids: Vec::new(),
            series_pairs: Vec::new(),
            series_pair_counts: Vec::new(),
            entry: Vec::new(),
        })
    }

    /// Adds a series, in order of labels, with its chunks in order of time. Returns its id.
    ///
    /// # Errors
    /// If the series or a chunk is out of order, a label is not among the symbols, or writing failed.
    pub fn add_series(&mut self, labels: &LabelSet, chunks: &[ChunkMeta]) -> Result<u32, BlockError> {
        if let Some(last) = &self.last
            && last >= labels
        {
            return Err(BlockError::SeriesOrder { series: labels.to_string(), last: last.to_string() });
        }
        check_order(labels, chunks)?;
        let mut entry = std::mem::take(&mut self.entry);
        entry.clear();
        let encoded = self.put_labels(&mut entry, labels);
        put_chunks(&mut entry, chunks);
        self.entry = entry;
        encoded?;

        self.out.pad(SERIES_ALIGN);
        let id = u32::try_from(self.out.position() / SERIES_ALIGN)
            .map_err(|_| BlockError::TooLarge { what: "the series" })?;
        put_uvarint(&mut self.out.bytes, self.entry.len() as u64);
        self.out.bytes.extend_from_slice(&self.entry);
        self.out.bytes.extend_from_slice(&crc32c::crc32c(&self.entry).to_be_bytes());
        self.out.flush_if_large()?;
        self.ids.push(id);
        self.last = Some(labels.clone());
        Ok(id)
    }

    /// Writes postings and tables and makes the file durable. Returns its length in bytes.
    ///
    /// # Errors
    /// If a section grows beyond 4 GiB or writing failed.
    pub fn finish(mut self) -> Result<u64, BlockError> {
        let label_indices_at = self.out.position();
        self.out.pad(4);
        let postings_at = self.out.position();
        let table = self.write_postings()?;
        // The field's writers no longer fill the label indices; their table is said to be where the next one is.
        let table_at = self.out.position();
        self.out.section(&table, "the table of postings")?;
        let mut contents = Vec::with_capacity(48);
        for at in [HEADER as u64, self.series_at, label_indices_at, table_at, postings_at, table_at] {
            contents.extend_from_slice(&at.to_be_bytes());
        }
        self.out.bytes.extend_from_slice(&contents);
        self.out.bytes.extend_from_slice(&crc32c::crc32c(&contents).to_be_bytes());
        self.out.finish()
    }

    fn put_labels(&mut self, entry: &mut Vec<u8>, labels: &LabelSet) -> Result<(), BlockError> {
        let first = self.series_pairs.len();
        put_uvarint(entry, labels.len() as u64);
        for (name, value) in labels {
            match (self.symbol(name), self.symbol(value)) {
                (Ok(n), Ok(v)) => {
                    put_uvarint(entry, u64::from(n));
                    put_uvarint(entry, u64::from(v));
                    let next = self.pairs.len() as u32;
                    self.series_pairs.push(*self.pairs.entry((n, v)).or_insert(next));
                }
                (Err(e), _) | (_, Err(e)) => {
                    self.series_pairs.truncate(first);
                    return Err(e);
                }
            }
        }
        self.series_pair_counts.push((self.series_pairs.len() - first) as u32);
        Ok(())
    }

    fn symbol(&self, text: &str) -> Result<u32, BlockError> {
        self.symbols.get(text).copied().ok_or_else(|| BlockError::UnknownSymbol { symbol: text.to_owned() })
    }

    /// Writes the lists of series, of all and of each pair, and returns the table that says where they are.
    fn write_postings(&mut self) -> Result<Vec<u8>, BlockError> {
        let mut names: Vec<&str> = vec![""; self.symbols.len()];
        for (symbol, number) in &self.symbols {
            names[*number as usize] = symbol;
        }
        let lists = Lists::new(&self.ids, &self.series_pairs, &self.series_pair_counts, self.pairs.len());
        let mut order: Vec<((u32, u32), u32)> = self.pairs.iter().map(|(pair, n)| (*pair, *n)).collect();
        order.sort_unstable();

        let mut table = Vec::new();
        let count =
            u32::try_from(order.len() + 1).map_err(|_| BlockError::TooLarge { what: "the labels" })?;
        table.extend_from_slice(&count.to_be_bytes());
        let all = std::iter::once((("", ""), &*self.ids));
        let each =
            order.iter().map(|((n, v), pair)| ((names[*n as usize], names[*v as usize]), lists.of(*pair)));
        let mut list = Vec::new();
        for ((name, value), ids) in all.chain(each) {
            self.out.pad(4);
            table.push(2);
            put_bytes(&mut table, name.as_bytes());
            put_bytes(&mut table, value.as_bytes());
            put_uvarint(&mut table, self.out.position());
            list.clear();
            list.extend_from_slice(&(ids.len() as u32).to_be_bytes());
            list.extend(ids.iter().flat_map(|id| id.to_be_bytes()));
            self.out.section(&list, "a list of series")?;
        }
        Ok(table)
    }
}

fn check_order(labels: &LabelSet, chunks: &[ChunkMeta]) -> Result<(), BlockError> {
    let refuse =
        |c: &ChunkMeta| Err(BlockError::ChunkOrder { series: labels.to_string(), min_time: c.min_time });
    if let Some(c) = chunks.iter().find(|c| c.max_time < c.min_time) {
        return refuse(c);
    }
    match chunks.windows(2).find(|w| w[1].min_time <= w[0].max_time) {
        Some(w) => refuse(&w[1]),
        None => Ok(()),
    }
}

fn put_chunks(entry: &mut Vec<u8>, chunks: &[ChunkMeta]) {
    put_uvarint(entry, chunks.len() as u64);
    let mut before: Option<&ChunkMeta> = None;
    for c in chunks {
        match before {
            None => put_varint(entry, c.min_time),
            Some(b) => put_uvarint(entry, c.min_time.wrapping_sub(b.max_time) as u64),
        }
        put_uvarint(entry, c.max_time.wrapping_sub(c.min_time) as u64);
        match before {
            None => put_uvarint(entry, c.reference),
            Some(b) => put_varint(entry, c.reference.wrapping_sub(b.reference) as i64),
        }
        before = Some(c);
    }
}

/// The series of each pair, sorted out by counting.
struct Lists {
    ids: Vec<u32>,
    /// Where each pair's list ends.
    ends: Vec<usize>,
}

impl Lists {
    fn new(series: &[u32], series_pairs: &[u32], counts: &[u32], pairs: usize) -> Self {
        let mut ends = vec![0usize; pairs];
        for pair in series_pairs {
            ends[*pair as usize] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            // For now the start; filling moves it to the end.
            start += std::mem::replace(end, start);
        }
        let mut ids = vec![0; series_pairs.len()];
        let mut rest = series_pairs;
        for (id, count) in series.iter().zip(counts) {
            let (mine, after) = rest.split_at(*count as usize);
            rest = after;
            for pair in mine {
                let at = &mut ends[*pair as usize];
                ids[*at] = *id;
                *at += 1;
            }
        }
        Self { ids, ends }
    }

    fn of(&self, pair: u32) -> &[u32] {
        let pair = pair as usize;
        let start = if pair == 0 { 0 } else { self.ends[pair - 1] };
        &self.ids[start..self.ends[pair]]
    }
}

/// A file that is written from front to back, and how far it came.
#[derive(Debug)]
struct Output {
    path: PathBuf,
    file: Box<dyn File>,
    written: u64,
    bytes: Vec<u8>,
}

impl Output {
    fn create(fs: &dyn Fs, path: &Path) -> Result<Self, BlockError> {
        let file = fs.create(path).map_err(FileError::io("create", path))?;
        Ok(Self { path: path.to_owned(), file, written: 0, bytes: Vec::new() })
    }

    fn position(&self) -> u64 {
        self.written + self.bytes.len() as u64
    }

    fn pad(&mut self, to: u64) {
        let missing = self.position().next_multiple_of(to) - self.position();
        self.bytes.resize(self.bytes.len() + missing as usize, 0);
    }

    /// Writes a section: its length, its bytes, their checksum.
    fn section(&mut self, body: &[u8], what: &'static str) -> Result<(), BlockError> {
        let len = u32::try_from(body.len()).map_err(|_| BlockError::TooLarge { what })?;
        self.bytes.extend_from_slice(&len.to_be_bytes());
        self.bytes.extend_from_slice(body);
        self.bytes.extend_from_slice(&crc32c::crc32c(body).to_be_bytes());
        self.flush_if_large()
    }

    fn flush_if_large(&mut self) -> Result<(), BlockError> {
        if self.bytes.len() >= WRITE_SIZE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        self.file.append(&self.bytes).map_err(FileError::io("write", &self.path))?;
        self.written += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<u64, BlockError> {
        self.flush()?;
        self.file.sync().map_err(FileError::io("sync", &self.path))?;
        Ok(self.written)
    }
}
