//! Integers through the entropy coder `pco`.

use pco::errors::PcoResult;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};

use crate::codec::Reader;

/// How much of the packed size has to be saved: decoding is several times as slow.
const MARGIN: usize = 16;

/// What is tried: the numbers, their differences, and what the coder finds best.
const DELTAS: [DeltaSpec; 3] = [DeltaSpec::NoOp, DeltaSpec::TryConsecutive(1), DeltaSpec::Auto];

/// Codes integers, if that is shorter by a margin than `packed` bytes.
pub(super) fn encode(integers: &[i64], packed: usize) -> Option<Vec<u8>> {
    let most = packed - packed / MARGIN;
    // Less than the coder's tables take.
    if most < 16 {
        return None;
    }
    let coded = DELTAS.into_iter().filter_map(|delta| encode_as(integers, delta).ok());
    coded.min_by_key(Vec::len).filter(|coded| coded.len() <= most)
}

fn encode_as(integers: &[i64], delta: DeltaSpec) -> PcoResult<Vec<u8>> {
    let config = ChunkConfig::default()
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(delta)
        .with_paging_spec(PagingSpec::Exact(vec![integers.len()]));
    let coder = FileCompressor::default();
    let mut chunk = coder.chunk_compressor(integers, &config)?;
    let coded = coder.write_header(Vec::new())?;
    let coded = chunk.write_meta(coded)?;
    chunk.write_page(0, coded)
}

/// Reads `n` integers and hands all of them to `each` at once. `Err` says what is wrong.
pub(super) fn decode(
    r: &mut Reader<'_>,
    n: usize,
    mut each: impl FnMut(&mut [i64]),
) -> Result<(), &'static str> {
    let coded = r.take(r.remaining(), "the rest of the chunk").map_err(super::what)?;
    let mut integers = vec![0i64; n];
    match decode_into(coded, &mut integers) {
        Ok(true) => {
            each(&mut integers);
            Ok(())
        }
        Ok(false) => Err("entropy-coded values of another number of samples"),
        Err(_) => Err("entropy-coded values that no encoder writes"),
    }
}

/// Fills the integers; whether they are what the bytes hold, no less and no more.
fn decode_into(coded: &[u8], integers: &mut [i64]) -> PcoResult<bool> {
    let (file, rest) = FileDecompressor::new(coded)?;
    let (mut chunk, rest) = file.chunk_decompressor::<i64, _>(rest)?;
    let mut page = chunk.page_decompressor(rest, integers.len())?;
    let progress = page.read(integers)?;
    Ok(progress.finished && progress.n_processed == integers.len() && page.into_src().is_empty())
}
