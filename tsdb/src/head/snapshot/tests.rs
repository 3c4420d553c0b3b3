use std::path::Path;

use super::section::{Kind, SectionFile, SectionWriter};
use crate::fs::{FileError, OsFs};

#[test]
fn sections_come_back_and_missing_ones_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut writer = SectionWriter::create(&OsFs, &path).unwrap();
    writer.put(Kind::Position, b"here").unwrap();
    writer.put(Kind::Pairs, b"").unwrap();
    writer.finish().unwrap();
    let read = |path: &Path| {
        let file = SectionFile::open(&OsFs, path).map_err(|e| e.to_string())?;
        let sections = file.sections().map_err(|e| e.to_string())?;
        let payloads = sections.iter().map(|s| Ok((s.kind, s.payload()?.to_vec())));
        payloads.collect::<Result<Vec<_>, FileError>>().map_err(|e| e.to_string())
    };
    let whole = read(&path).unwrap();
    assert_eq!(whole, [(Kind::Position, b"here".to_vec()), (Kind::Pairs, vec![])]);
    // A section cut out of the middle, all checksums right.
    let bytes = std::fs::read(&path).unwrap();
    let cut = [&bytes[..9], &bytes[9 + 9 + 4..]].concat();
    std::fs::write(&path, cut).unwrap();
    assert!(read(&path).unwrap_err().contains("sections are missing"));
}

/// Bytes of open chunks lie in snapshots: should they ever change, the version must too, or old ones are misread.
#[test]
fn the_version_stands_for_the_bytes_of_chunks() {
    use crate::chunk::decimal_stream::StreamState;
    let (mut state, mut bytes) = (StreamState::new(), [0u8; 4096]);
    for i in 0..120i64 {
        let value = match i % 40 {
            0..10 => (i * i * 100) as f64,
            10..20 => i as f64 / 100.0,
            20..30 => 1.0 / i as f64,
            _ => f64::NAN,
        };
        state.append(&mut bytes, i * 15_000 + i % 3, value).unwrap();
    }
    let print = (super::section::VERSION, state.len(), crc32c::crc32c(&bytes[..state.len()]));
    assert_eq!(print, (1, 765, 2_632_524_676), "raise the version with the new length and checksum");
}
