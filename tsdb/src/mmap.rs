//! Files mapped into memory: the only unsafe code of the crate.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

/// A file's bytes as the kernel pages them in.
#[derive(Debug)]
pub(crate) struct Mapped(memmap2::Mmap);

impl Mapped {
    /// Maps a whole file for reading.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the slice stays valid and unchanged only while nobody truncates or writes the file. What is
        // mapped is immutable once it has its final name: block files are renamed into place whole, and log
        // segments are mapped only while the directory is locked and nobody appends to them. Another program
        // that truncates a file of a locked data directory can crash this one, as it can every user of mmap.
        unsafe { memmap2::Mmap::map(file) }.map(Self)
    }

    /// The file's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
