use proptest::prelude::*;

use super::*;
use crate::chunk::{ChunkEncoder, EncodedChunk};
use crate::fs::{FileError, Fs, OsFs};

fn chunk(first: i64, samples: i64) -> EncodedChunk {
    let mut encoder = ChunkEncoder::new(120);
    for i in 0..samples {
        encoder.push_float(first + i * 1000, i as f64).unwrap();
    }
    encoder.finish().remove(0)
}

fn writer(dir: &Path, files: Vec<HeadChunkFile>) -> HeadChunkWriter {
    HeadChunkWriter::new(Arc::new(OsFs), dir, files).file_size(300)
}

/// Writes chunks, two of three late, and returns them as they should be read.
fn write(dir: &Path, count: i64) -> Vec<HeadChunk> {
    let mut writer = writer(dir, Vec::new());
    let mut expected = Vec::new();
    for i in 0..count {
        let (chunk, is_late) = (chunk(i * 100_000, 1 + i % 30), i % 3 != 0);
        let reference = writer.add(7 + i as u64, &chunk, is_late).unwrap();
        if i % 2 == 0 {
            writer.flush().unwrap();
        }
        expected.push(HeadChunk {
            reference,
            series: 7 + i as u64,
            min_time: chunk.min_time,
            max_time: chunk.max_time,
            encoding: chunk.encoding,
            is_late,
            bytes: chunk.bytes.into(),
        });
    }
    writer.flush().unwrap();
    expected
}

#[test]
fn chunks_come_back_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path(), 20);
    let loaded = load(&OsFs, dir.path(), |_| true).unwrap();
    assert!(loaded.damage.is_none());
    assert_eq!(loaded.chunks, expected);
    assert!(loaded.files.len() > 3 && loaded.files[0].number == 1);
    assert!(load(&OsFs, &dir.path().join("none"), |_| true).unwrap().files.is_empty());
}

#[test]
fn the_bytes_are_those_of_the_field() {
    let dir = tempfile::tempdir().unwrap();
    let chunk =
        EncodedChunk { min_time: -2, max_time: 3, encoding: Encoding::Histogram, bytes: vec![9; 200] };
    let mut writer = writer(dir.path(), Vec::new());
    assert_eq!(writer.add(0x0102, &chunk, true).unwrap(), 1 << 32 | 8);
    writer.flush().unwrap();
    let mut record = vec![0, 0, 0, 0, 0, 0, 1, 2];
    record.extend([0xff; 7]);
    record.extend([0xfe, 0, 0, 0, 0, 0, 0, 0, 3, 0x82, 0xc8, 1]);
    record.extend([9; 200]);
    let crc = crc32c::crc32c(&record);
    let file = [&[0x01, 0x30, 0xbc, 0x91, 1, 0, 0, 0], &record[..], &crc.to_be_bytes()].concat();
    assert_eq!(OsFs.read(&dir.path().join("000001")).unwrap(), file);
}

/// Reads a damaged directory, repairs it, and checks that what is found then is what was written before the damage.
fn repair_and_check(dir: &Path, expected: &[HeadChunk]) -> Loaded {
    let loaded = load(&OsFs, dir, |_| true).unwrap();
    repair(&OsFs, dir, &loaded).unwrap();
    let repaired = load(&OsFs, dir, |_| true).unwrap();
    assert!(repaired.damage.is_none(), "{:?}", repaired.damage);
    assert_eq!(repaired.chunks, loaded.chunks);
    match &loaded.damage {
        Some(_) => assert_eq!(repaired.chunks, expected[..repaired.chunks.len()]),
        None => assert!(repaired.chunks.iter().all(|c| expected.contains(c))),
    }
    // Writing goes on where it was cut off.
    let mut writer = writer(dir, repaired.files);
    let reference = writer.add(99, &chunk(0, 3), true).unwrap();
    writer.flush().unwrap();
    assert_eq!(
        load(&OsFs, dir, |_| true).unwrap().chunks.last().map(|c| (c.reference, c.series)),
        Some((reference, 99))
    );
    loaded
}

#[test]
fn a_file_cut_at_any_length_is_read_up_to_there() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path(), 18);
    let files = load(&OsFs, dir.path(), |_| true).unwrap().files.len();
    let path = file_path(dir.path(), 2);
    let whole = OsFs.read(&path).unwrap();
    for len in 0..whole.len() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 18);
        let path = file_path(dir.path(), 2);
        OsFs.truncate(&path, len as u64).unwrap();
        let loaded = repair_and_check(dir.path(), &expected);
        match loaded.damage {
            Some(FileError::Damaged { path: named, offset, .. }) => {
                assert_eq!(named, path);
                assert!(offset as usize <= len);
            }
            // Cut between two chunks, which no file shows of itself.
            None => assert!(loaded.files.len() == files),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_byte_is_noticed(number in 1u32..4, at in any::<proptest::sample::Index>(), flip in 1u8..) {
        let dir = tempfile::tempdir().unwrap();
        let expected = write(dir.path(), 18);
        let path = file_path(dir.path(), number);
        let mut bytes = OsFs.read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        std::fs::write(&path, &bytes).unwrap();
        let loaded = repair_and_check(dir.path(), &expected);
        let is_padding = (5..HEADER).contains(&at);
        prop_assert_eq!(loaded.damage.is_some(), !is_padding);
        prop_assert!(is_padding || loaded.chunks.len() < expected.len());
    }
}

#[test]
fn a_file_that_was_only_begun_is_no_damage() {
    for begun in [&b""[..], &[0; 3], &[0; 4096]] {
        let dir = tempfile::tempdir().unwrap();
        let expected = write(dir.path(), 5);
        let files = load(&OsFs, dir.path(), |_| true).unwrap().files.len() as u32;
        std::fs::write(file_path(dir.path(), files + 1), begun).unwrap();
        let loaded = repair_and_check(dir.path(), &expected);
        assert!(loaded.damage.is_none() && loaded.chunks == expected);
    }
}

#[test]
fn zeros_that_were_taken_in_advance_end_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path(), 2);
    let path = file_path(dir.path(), 1);
    let mut bytes = OsFs.read(&path).unwrap();
    bytes.resize(bytes.len() + 100, 0);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(load(&OsFs, dir.path(), |_| true).unwrap().chunks, expected);
}

#[test]
fn obsolete_files_leave_from_the_front() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path(), Vec::new());
    // Files: in order up to 1000, late, in order up to 9000.
    for (first, is_late) in [(0, false), (500, true), (8000, false)] {
        writer.add(1, &chunk(first, 2), is_late).unwrap();
        writer.end_file().unwrap();
    }
    let next = writer.end_file().unwrap();
    assert_eq!(next, 4);
    let numbers =
        || load(&OsFs, dir.path(), |_| true).unwrap().files.iter().map(|f| f.number).collect::<Vec<_>>();
    writer.remove_obsolete(1000, next).unwrap();
    assert_eq!(numbers(), [1, 2, 3]);
    writer.remove_obsolete(1001, 0).unwrap();
    assert_eq!(numbers(), [2, 3]);
    writer.remove_obsolete(1001, next).unwrap();
    assert_eq!(numbers(), [3]);
    writer.remove_obsolete(9001, next).unwrap();
    assert!(numbers().is_empty());
    assert_eq!(writer.add(1, &chunk(0, 1), true).unwrap() >> 32, 4);
}
