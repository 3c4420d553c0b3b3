//! Loading a snapshot into a head that is empty.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics_core::{Exemplar, Metadata, Timestamp};

use super::super::Head;
use super::super::index::Index;
use super::super::pages::{NO_SAMPLE, PAGE};
use super::chunks::KeptChunks;
use super::names::{Position, References};
use super::path_in;
use super::section::{Kind, Section, SectionFile, Trouble};
use crate::codec::{Malformed, Reader};
use crate::fs::{FileError, Fs};
use crate::wal::{self, RecordError};

impl Head {
    /// Loads the snapshot of a store. Returns the segment of the log with which to go on; `None` if there is no snapshot.
    ///
    /// # Errors
    /// If the snapshot cannot be read, is damaged, of another version, or does not belong to the log. This head is of no use
    /// then.
    pub(crate) fn load_snapshot(
        &self,
        fs: &dyn Fs,
        dir: &Path,
        log: &Path,
        threads: usize,
    ) -> Result<Option<u32>, FileError> {
        let path = path_in(dir);
        if !fs.exists(&path) {
            return Ok(None);
        }
        let file = SectionFile::open(fs, &path)?;
        let sections = file.sections()?;
        let Some(first) = sections.first().filter(|s| s.kind == Kind::Position) else {
            return Err(file.damaged(0, "a snapshot that does not say where the log goes on"));
        };
        let position = first.read(Position::read)?;
        check_log(fs, log, &file, position)?;
        self.load(&sections, position, threads)?;
        Ok(Some(position.segment))
    }

    /// Takes chunks with all threads, and all else, which comes one after the other, with this one before.
    fn load(&self, sections: &[Section<'_>], position: Position, threads: usize) -> Result<(), FileError> {
        let chunks: Vec<_> = sections.iter().filter(|s| s.kind == Kind::Chunks).collect();
        let next = AtomicUsize::new(0);
        let take_chunks = || {
            while let Some(section) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                section.read(|r| self.take_chunks(r, position.next_slot))?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(take_chunks)).collect();
            let result = self.take_names(sections, position).and_then(|()| take_chunks());
            others.into_iter().fold(result, |result, thread| match thread.join() {
                Ok(other) => result.and(other),
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
        for section in sections {
            self.take_record(section)?;
        }
        Ok(())
    }

    fn take_names(&self, sections: &[Section<'_>], position: Position) -> Result<(), FileError> {
        let of_kind = |kind| sections.iter().filter(move |s| s.kind == kind);
        for section in of_kind(Kind::References) {
            self.take_references(section.read(References::read)?);
        }
        let mut index = self.index.write();
        let mut pairs = Vec::new();
        for section in of_kind(Kind::Pairs) {
            section.read(|r| take_pairs(r, &mut index, &mut pairs))?;
        }
        for section in of_kind(Kind::Series) {
            section.read(|r| take_series(r, &mut index, &pairs))?;
        }
        index.skip_to(position.next_slot);
        Ok(())
    }

    fn take_references(&self, references: References) {
        let mut log = self.commit.lock();
        for (slot, reference) in references.logged {
            log.set_reference(slot, reference);
        }
        let mut aliases = self.aliases.lock();
        aliases.slots = references.aliases;
        aliases.removed = references.removed;
    }

    fn take_chunks(&self, r: &mut Reader<'_>, next_slot: u32) -> Result<(), Malformed> {
        let min_valid = self.times.min_valid.load(Ordering::Relaxed);
        let (mut oldest, mut newest) = (Timestamp::MAX, Timestamp::MIN);
        // A slot, and no chunks.
        let count = r.count(3)?;
        let mut slot = 0u32;
        let mut locked = None;
        for _ in 0..count {
            slot = next_of(r, slot, next_slot)?;
            let kept = KeptChunks::read(r, min_valid)?;
            let (page, guard) = match &mut locked {
                Some((number, page, guard)) if *number == slot / PAGE => (*page, guard),
                _ => {
                    let page = self.pages.make(slot);
                    let (_, page, guard) = locked.insert((slot / PAGE, page, page.lock()));
                    (*page, guard)
                }
            };
            if let (Some(first), Some(last)) = (kept.chunks.first(), kept.chunks.last()) {
                oldest = oldest.min(first.first);
                newest = newest.max(last.last);
                page.set_newest(slot, last.last);
            } else {
                page.set_newest(slot, NO_SAMPLE);
            }
            let (series, slab) = guard.parts(slot);
            series.restore(slab, kept);
        }
        if oldest <= newest {
            self.cover(oldest.max(min_valid), newest);
        }
        Ok(())
    }

    /// Takes what hangs on series.
    fn take_record(&self, section: &Section<'_>) -> Result<(), FileError> {
        let read = |parse: &mut dyn FnMut(&[u8]) -> Result<(), RecordError>| {
            section.read(|r| parse(r.rest()).map_err(Trouble::from))
        };
        match section.kind {
            Kind::Metadata => {
                let mut all = Vec::new();
                read(&mut |record| wal::read_metadata(record, &mut all))?;
                let mut table = self.metadata.write();
                for m in all {
                    let Ok(slot) = u32::try_from(m.series) else { continue };
                    table.insert(slot, Metadata { metric_type: m.metric_type, help: m.help, unit: m.unit });
                }
                self.metadata_bytes.store(table.heap_size(), Ordering::Relaxed);
            }
            Kind::Exemplars => {
                let mut all = Vec::new();
                read(&mut |record| wal::read_exemplars(record, &mut all))?;
                let mut ring = self.exemplars.lock();
                for e in all {
                    let Ok(slot) = u32::try_from(e.series) else { continue };
                    ring.push(
                        slot,
                        Exemplar { labels: e.labels, value: e.value, timestamp: Some(e.timestamp) },
                    );
                }
                self.exemplar_bytes.store(ring.heap_size(), Ordering::Relaxed);
            }
            Kind::Tombstones => {
                let mut all = Vec::new();
                read(&mut |record| wal::read_tombstones(record, &mut all))?;
                let mut deleted = self.deleted.write();
                all.iter().for_each(|t| deleted.add(t.series, t.start, t.end));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether the log still has all that the snapshot does not, and is the same log.
fn check_log(fs: &dyn Fs, log: &Path, file: &SectionFile, position: Position) -> Result<(), FileError> {
    let refuse = |what: &str| Err(file.damaged(0, what));
    let segments = wal::segments(fs, log)?;
    if !segments.iter().any(|s| s.number == position.segment) {
        return refuse("the log does not have the segment with which this snapshot goes on");
    }
    if wal::last_checkpoint(fs, log)?.is_some_and(|(_, last)| last >= position.segment) {
        return refuse("the log was truncated behind this snapshot");
    }
    for before in segments.iter().filter(|s| s.number.checked_add(1) == Some(position.segment)) {
        let len = fs.len(&before.path).map_err(FileError::io("measure", &before.path))?;
        if len != position.before {
            return refuse("the log is not the one that this snapshot belongs to");
        }
    }
    Ok(())
}

/// A slot behind the last one.
fn next_of(r: &mut Reader<'_>, slot: u32, end: u32) -> Result<u32, Malformed> {
    let next = u32::try_from(r.uvarint()?).ok().and_then(|step| slot.checked_add(step));
    next.filter(|next| *next < end).ok_or_else(|| r.malformed("a slot that has been given out"))
}

fn take_pairs(r: &mut Reader<'_>, index: &mut Index, pairs: &mut Vec<u32>) -> Result<(), Trouble> {
    while !r.is_empty() {
        let (name, value) = (r.str()?, r.str()?);
        pairs.push(
            index.intern(name, value).map_err(|full| Trouble { at: r.position(), what: full.to_string() })?,
        );
    }
    Ok(())
}

fn take_series(r: &mut Reader<'_>, index: &mut Index, pairs: &[u32]) -> Result<(), Trouble> {
    // A slot, a hash, and no labels.
    let count = r.count(10)?;
    let (mut slot, mut ids) = (0u32, Vec::new());
    for i in 0..count {
        slot = next_of(r, slot, u32::MAX)?;
        let hash = r.u64()?;
        let at = r.position();
        let wrong = |what: &str| Trouble { at, what: what.to_owned() };
        ids.clear();
        for _ in 0..r.count(1)? {
            let id = usize::try_from(r.uvarint()?).ok().and_then(|id| pairs.get(id));
            ids.push(*id.ok_or_else(|| wrong("a label pair that is not there"))?);
        }
        if slot < index.next_slot() {
            return Err(wrong("a slot that is taken"));
        }
        index.skip_to(slot);
        index.add_interned(&ids, hash).map_err(|full| wrong(&full.to_string()))?;
        // Once a section: should the hash ever be made another way, no series would be found again.
        if i == 0 && index.labels(slot).stable_hash() != hash {
            return Err(wrong("labels with another hash"));
        }
    }
    Ok(())
}
