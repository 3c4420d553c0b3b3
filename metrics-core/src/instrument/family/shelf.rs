//! Where a family's instruments are.

use crate::instrument::{BLOCK, Instrument};

/// Instruments by number, which come in blocks; see [`Instrument::block`].
///
/// A number is given again only once its whole block has been empty and is another one: whoever still uses what was
/// removed never meets what has come after it.
#[derive(Debug)]
pub(super) struct Shelf<M> {
    blocks: Vec<Option<Block<M>>>,
    /// Blocks that are not there any more.
    free: Vec<usize>,
    /// The block that is being filled, and how many of its numbers have been given.
    current: usize,
    given: usize,
}

#[derive(Debug)]
struct Block<M> {
    /// One bit per instrument that is there.
    there: u64,
    instruments: Instruments<M>,
}

const _: () = assert!(BLOCK == u64::BITS as usize);

#[derive(Debug)]
enum Instruments<M> {
    /// Neighbours of this one.
    Together(M),
    Apart(Vec<Option<M>>),
}

impl<M> Shelf<M> {
    pub(super) fn new() -> Self {
        Self { blocks: Vec::new(), free: Vec::new(), current: 0, given: BLOCK }
    }

    /// The numbers of all that are there.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        let blocks = self.blocks.iter().enumerate();
        blocks.flat_map(|(at, block)| {
            let there = block.as_ref().map_or(0, |block| block.there);
            (0..BLOCK).filter(move |bit| there & 1 << bit != 0).map(move |bit| (at * BLOCK + bit) as u32)
        })
    }

    pub(super) fn remove(&mut self, number: u32) {
        let (at, within) = place(number);
        let Some(block) = self.blocks.get_mut(at) else { return };
        let Some(Block { there, instruments }) = block else { return };
        *there &= !(1 << within);
        if let Instruments::Apart(all) = instruments
            && let Some(instrument) = all.get_mut(within)
        {
            *instrument = None;
        }
        if *there == 0 {
            *block = None;
            if at == self.current { self.given = 0 } else { self.free.push(at) }
        }
    }
}

impl<M: Instrument> Shelf<M> {
    /// A handle of an instrument.
    pub(super) fn get(&self, number: u32) -> Option<M> {
        let (at, within) = place(number);
        let block = self.blocks.get(at)?.as_ref().filter(|block| block.there & 1 << within != 0)?;
        match &block.instruments {
            Instruments::Together(first) => Some(first.neighbour(within)),
            Instruments::Apart(all) => all.get(within)?.clone(),
        }
    }

    /// Takes a new instrument and tells its number; [`Shelf::get`] may return another new one in its place.
    pub(super) fn put(&mut self, fresh: M) -> u32 {
        if self.given == BLOCK {
            self.given = 0;
            self.current = self.free.pop().unwrap_or(self.blocks.len());
        }
        if self.current == self.blocks.len() {
            self.blocks.push(None);
        }
        let within = self.given;
        self.given += 1;
        let block = self.blocks[self.current].get_or_insert_with(|| Block::like(&fresh));
        block.put(within, fresh);
        u32::try_from(self.current * BLOCK + within)
            .expect("memory ends before the numbers of instruments do")
    }
}

impl<M: Instrument> Block<M> {
    fn like(fresh: &M) -> Self {
        let instruments = match fresh.is_blank() {
            true => Instruments::Together(fresh.block()),
            false => Instruments::Apart(Vec::new()),
        };
        Self { there: 0, instruments }
    }

    fn put(&mut self, within: usize, fresh: M) {
        if let Instruments::Together(first) = &self.instruments
            && !fresh.is_blank()
        {
            let neighbour = |at| (self.there & 1u64 << at != 0).then(|| first.neighbour(at));
            self.instruments = Instruments::Apart((0..BLOCK).map(neighbour).collect());
        }
        if let Instruments::Apart(all) = &mut self.instruments {
            if all.len() <= within {
                all.resize(within + 1, None);
            }
            all[within] = Some(fresh);
        }
        self.there |= 1 << within;
    }
}

/// Block and place in it.
fn place(number: u32) -> (usize, usize) {
    (number as usize / BLOCK, number as usize % BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{Counter, Gauge};

    #[test]
    fn blank_counters_are_kept_together_and_others_as_they_are() {
        let mut shelf = Shelf::new();
        let own = Counter::new();
        own.add(7);
        let shared = Counter::new();
        let numbers = [Counter::new(), own, Counter::new(), shared.clone()].map(|c| shelf.put(c));
        shared.add(5);
        for number in numbers {
            shelf.get(number).unwrap().inc();
        }
        assert_eq!(numbers.map(|n| shelf.get(n).unwrap().value()), [1.0, 8.0, 1.0, 6.0]);
        assert_eq!(shelf.numbers().collect::<Vec<_>>(), numbers);
    }

    #[test]
    fn what_was_removed_is_not_met_again() {
        let mut shelf = Shelf::new();
        let first: Vec<u32> = (0..100).map(|_| shelf.put(Counter::new())).collect();
        let held: Vec<Counter> = first.iter().map(|n| shelf.get(*n).unwrap()).collect();
        first.iter().for_each(|n| shelf.remove(*n));
        assert_eq!(shelf.numbers().count(), 0);
        assert!(first.iter().all(|n| shelf.get(*n).is_none()));
        held.iter().for_each(Counter::inc);
        let second: Vec<u32> = (0..100).map(|_| shelf.put(Counter::new())).collect();
        assert!(second.iter().all(|n| shelf.get(*n).unwrap().value() == 0.0));
        assert!(second.iter().max() < Some(&192), "room is used again: {second:?}");
    }

    #[test]
    fn a_block_with_one_left_keeps_it() {
        let mut shelf = Shelf::new();
        let numbers: Vec<u32> = (0..200).map(|_| shelf.put(Gauge::new())).collect();
        shelf.get(numbers[70]).unwrap().set(3.0);
        numbers.iter().filter(|n| **n != numbers[70]).for_each(|n| shelf.remove(*n));
        let later: Vec<u32> = (0..200).map(|_| shelf.put(Gauge::new())).collect();
        assert!(!later.contains(&numbers[70]));
        assert_eq!(shelf.get(numbers[70]).map(|g| g.value()), Some(3.0));
        assert_eq!(shelf.numbers().count(), 201);
    }
}
