//! Memory for the older bytes of open chunks: small blocks in chains, so that a million chunks grow without moving and
//! without gaps between them.

const BLOCK: usize = 64;
/// Bytes of a block that are used; the others name the next block.
const DATA: usize = BLOCK - size_of::<u32>();
/// Blocks that are taken from the system at once: a memory page.
const SHEET: usize = 64;

/// Blocks, taken and free, and the account of what the series of a page keep elsewhere.
#[derive(Debug, Default)]
pub(super) struct Slab {
    sheets: Vec<Box<[[u8; BLOCK]; SHEET]>>,
    /// Bytes of chunks that are not in blocks, as noted by those who keep them.
    elsewhere: usize,
    /// The first free block counted from 1, which names the next; 0 if none is free.
    free: u32,
}

/// Bytes in a row of blocks.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// First and last block, counted from 1; 0 if there is none.
    first: u32,
    last: u32,
    len: u16,
}

impl Chain {
    /// Number of bytes.
    pub(super) fn len(&self) -> usize {
        self.len.into()
    }
}

impl Slab {
    /// Adds bytes to a chain; false if the chain would have 64 KiB, more than any chunk grows to.
    pub(super) fn extend(&mut self, chain: &mut Chain, mut bytes: &[u8]) -> bool {
        let Some(len) = u16::try_from(bytes.len()).ok().and_then(|n| chain.len.checked_add(n)) else {
            return false;
        };
        while !bytes.is_empty() {
            let used = chain.len() % DATA;
            if used == 0 {
                let block = self.take();
                match chain.last {
                    0 => chain.first = block,
                    last => self.set_next(last, block),
                }
                chain.last = block;
            }
            let (now, rest) = bytes.split_at(bytes.len().min(DATA - used));
            self.block(chain.last)[used..used + now.len()].copy_from_slice(now);
            chain.len += now.len() as u16;
            bytes = rest;
        }
        debug_assert_eq!(chain.len, len);
        true
    }

    /// Copies the bytes of a chain.
    pub(super) fn copy(&self, chain: &Chain, into: &mut Vec<u8>) {
        let (mut block, mut left) = (chain.first, chain.len());
        while left > 0 {
            let bytes = self.peek(block);
            let now = left.min(DATA);
            into.extend_from_slice(&bytes[..now]);
            left -= now;
            block = next(bytes);
        }
    }

    /// Gives back the blocks of a chain, which is empty then.
    pub(super) fn release(&mut self, chain: &mut Chain) {
        if chain.last != 0 {
            self.set_next(chain.last, self.free);
            self.free = chain.first;
        }
        *chain = Chain::default();
    }

    /// Gives memory back to the system if no chain uses any; the caller knows.
    pub(super) fn clear(&mut self) {
        *self = Self { elsewhere: self.elsewhere, ..Self::default() };
    }

    /// Notes that chunks which took `before` bytes outside of blocks take `now`.
    pub(super) fn note_elsewhere(&mut self, before: usize, now: usize) {
        self.elsewhere = (self.elsewhere + now).saturating_sub(before);
    }

    /// All bytes.
    pub(super) fn heap_size(&self) -> usize {
        self.sheets.len() * SHEET * BLOCK + self.elsewhere
    }

    fn take(&mut self) -> u32 {
        if self.free == 0 {
            let first = (self.sheets.len() * SHEET) as u32 + 1;
            self.sheets.push(Box::new([[0; BLOCK]; SHEET]));
            for block in (first..first + SHEET as u32).rev() {
                self.set_next(block, self.free);
                self.free = block;
            }
        }
        let block = self.free;
        self.free = next(self.peek(block));
        block
    }

    fn set_next(&mut self, block: u32, to: u32) {
        self.block(block)[DATA..].copy_from_slice(&to.to_le_bytes());
    }

    fn block(&mut self, block: u32) -> &mut [u8; BLOCK] {
        let at = block as usize - 1;
        &mut self.sheets[at / SHEET][at % SHEET]
    }

    fn peek(&self, block: u32) -> &[u8; BLOCK] {
        let at = block as usize - 1;
        &self.sheets[at / SHEET][at % SHEET]
    }
}

fn next(block: &[u8; BLOCK]) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&block[DATA..]);
    u32::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chains_hold_their_bytes_while_others_grow_and_go(
            steps in proptest::collection::vec((0usize..5, 0usize..200, any::<u8>()), 1..100)
        ) {
            let mut slab = Slab::default();
            let mut chains: [Chain; 5] = Default::default();
            let mut models: [Vec<u8>; 5] = Default::default();
            for (i, n, byte) in steps {
                if n < 20 {
                    slab.release(&mut chains[i]);
                    models[i].clear();
                } else {
                    prop_assert!(slab.extend(&mut chains[i], &vec![byte; n]));
                    models[i].extend(vec![byte; n]);
                }
                for (chain, model) in chains.iter().zip(&models) {
                    let mut bytes = Vec::new();
                    slab.copy(chain, &mut bytes);
                    prop_assert_eq!(&bytes, model);
                }
            }
        }
    }

    #[test]
    fn a_chain_ends_before_its_length_does() {
        let (mut slab, mut chain) = (Slab::default(), Chain::default());
        assert!(slab.extend(&mut chain, &[1; 65_000]));
        assert!(!slab.extend(&mut chain, &[1; 1000]));
        assert_eq!(chain.len(), 65_000);
    }
}
