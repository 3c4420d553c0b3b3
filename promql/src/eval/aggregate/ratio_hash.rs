//! Where a series stands between 0 and 1, for `limit_ratio`.
//!
//! Source: the original takes the XXH64 of its own encoding of the labels, so that the same series are chosen
//! everywhere. Specification: <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>.

use metrics_core::LabelSet;

/// The hash of the labels as a fraction of the largest hash.
pub(super) fn place(labels: &LabelSet) -> f64 {
    let mut encoded = Vec::with_capacity(128);
    for (name, value) in labels {
        for text in [name, value] {
            // One byte for short lengths, else 255 and three bytes.
            match u8::try_from(text.len()) {
                Ok(short) if short < 255 => encoded.push(short),
                _ => {
                    encoded.push(255);
                    encoded.extend_from_slice(&(text.len() as u32).to_le_bytes()[..3]);
                }
            }
            encoded.extend_from_slice(text.as_bytes());
        }
    }
    xxh64(&encoded) as f64 / u64::MAX as f64
}

const P1: u64 = 0x9e37_79b1_85eb_ca87;
const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const P3: u64 = 0x1656_67b1_9e37_79f9;
const P4: u64 = 0x85eb_ca77_c2b2_ae63;
const P5: u64 = 0x27d4_eb2f_1656_67c5;

/// XXH64 with seed zero.
fn xxh64(input: &[u8]) -> u64 {
    let mut stripes = input.chunks_exact(32);
    let mut hash = if input.len() >= 32 {
        let mut lanes = [P1.wrapping_add(P2), P2, 0, 0u64.wrapping_sub(P1)];
        for stripe in &mut stripes {
            for (lane, word) in lanes.iter_mut().zip(stripe.chunks_exact(8)) {
                *lane = round(*lane, word64(word));
            }
        }
        let turned = lanes.iter().zip([1, 7, 12, 18]).map(|(lane, by)| lane.rotate_left(by));
        let mut hash = turned.fold(0u64, u64::wrapping_add);
        for lane in lanes {
            hash = (hash ^ round(0, lane)).wrapping_mul(P1).wrapping_add(P4);
        }
        hash
    } else {
        P5
    };
    hash = hash.wrapping_add(input.len() as u64);
    let mut words = stripes.remainder().chunks_exact(8);
    for word in &mut words {
        hash = (hash ^ round(0, word64(word))).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
    }
    let mut halves = words.remainder().chunks_exact(4);
    for half in &mut halves {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(half);
        let half = u64::from(u32::from_le_bytes(bytes));
        hash = (hash ^ half.wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
    }
    for byte in halves.remainder() {
        hash = (hash ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(P2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(P3);
    hash ^ (hash >> 32)
}

fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

fn word64(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        assert_eq!(xxh64(b""), 0xef46_db37_51d8_e999);
        assert_eq!(xxh64(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(xxh64(b"Nobody inspects the spammish repetition"), 0xfbce_a83c_8a37_8bf1);
    }
}
