//! Records made smaller and whole again.

use super::segment::Compression;

/// Snappy's longest copy makes 64 bytes of three: what claims to grow more is damaged.
const MAX_SNAPPY_GROWTH: usize = 24;

/// Most bytes of a record that was compressed with zstd, which can make anything of a few bytes.
#[cfg(feature = "zstd")]
const MAX_ZSTD_RECORD: usize = 128 * 1024 * 1024;

/// Compresses records, and keeps the memory that it takes.
pub(super) struct Compressor {
    snappy: snap::raw::Encoder,
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

impl Compressor {
    pub(super) fn new() -> Self {
        Self {
            snappy: snap::raw::Encoder::new(),
            #[cfg(feature = "zstd")]
            zstd: None,
        }
    }

    /// The record as it is to be written, maybe in `room`, and how it is compressed: not at all if that would not make
    /// it shorter.
    pub(super) fn compress<'a>(
        &mut self,
        compression: Compression,
        record: &'a [u8],
        room: &'a mut Vec<u8>,
    ) -> (&'a [u8], Compression) {
        let len = match compression {
            Compression::None => None,
            Compression::Snappy => {
                reserve(room, snap::raw::max_compress_len(record.len()));
                // Fails only for records beyond 4 GiB.
                self.snappy.compress(record, room).ok()
            }
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                reserve(room, zstd::zstd_safe::compress_bound(record.len()));
                self.zstd(record, room)
            }
        };
        match len.filter(|n| *n < record.len()) {
            Some(n) => (&room[..n], compression),
            None => (record, Compression::None),
        }
    }

    #[cfg(feature = "zstd")]
    fn zstd(&mut self, record: &[u8], room: &mut [u8]) -> Option<usize> {
        if self.zstd.is_none() {
            self.zstd = zstd::bulk::Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL).ok();
        }
        self.zstd.as_mut()?.compress_to_buffer(record, room).ok()
    }
}

fn reserve(room: &mut Vec<u8>, len: usize) {
    if room.len() < len {
        room.resize(len, 0);
    }
}

/// Makes records whole again, and keeps the memory that it takes.
#[derive(Default)]
pub(super) struct Decompressor {
    out: Vec<u8>,
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

impl Decompressor {
    /// The record; `None` if it was not compressed in that way.
    pub(super) fn decompress<'a>(
        &'a mut self,
        compression: Compression,
        record: &'a [u8],
    ) -> Option<&'a [u8]> {
        let n = match compression {
            Compression::None => return Some(record),
            Compression::Snappy => {
                let n = snap::raw::decompress_len(record).ok()?;
                if n > record.len() * MAX_SNAPPY_GROWTH {
                    return None;
                }
                reserve(&mut self.out, n);
                snap::raw::Decoder::new().decompress(record, &mut self.out).ok()?
            }
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                use std::io::Read;
                // As a stream: the length in the frame may be missing, and is not to be trusted.
                self.out.clear();
                let decoder = zstd::stream::read::Decoder::with_buffer(record).ok()?;
                decoder.take(MAX_ZSTD_RECORD as u64 + 1).read_to_end(&mut self.out).ok()?;
                (self.out.len() <= MAX_ZSTD_RECORD).then_some(self.out.len())?
            }
        };
        Some(&self.out[..n])
    }
}
