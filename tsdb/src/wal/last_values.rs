//! What each series said last, as far as the records of a segment tell: what differences are taken from.

use std::collections::HashMap;

/// Series of a page. Those of a batch lie side by side, so that a page is looked up once for many.
pub(super) const PAGE: u64 = 64;

/// The last value of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastValue {
    /// The integer, or the float's bits.
    pub(super) word: u64,
    /// The power of ten that the integer is divided by; [`BITS`] or [`UNKNOWN`].
    pub(super) exponent: u8,
}

/// In place of an exponent: the word is the float's bits.
pub(super) const BITS: u8 = 0xfe;
/// In place of an exponent: the series has said nothing yet.
pub(super) const UNKNOWN: u8 = 0xff;

/// Last values by reference. References may be any numbers, so there are pages for those only that are used.
#[derive(Debug, Default)]
pub(super) struct LastValues {
    pages: Vec<Page>,
    places: HashMap<u64, usize>,
    /// Pages of another epoch are out of date.
    epoch: u32,
    newest: Option<(u64, usize)>,
}

#[derive(Debug)]
struct Page {
    number: u64,
    epoch: u32,
    exponents: [u8; PAGE as usize],
    words: [u64; PAGE as usize],
}

impl LastValues {
    /// Forgets everything, and keeps the memory.
    pub(super) fn forget(&mut self) {
        self.newest = None;
        match self.epoch.checked_add(1) {
            Some(next) => self.epoch = next,
            None => *self = Self::default(),
        }
    }

    /// The page of a reference.
    #[inline]
    pub(super) fn page(&mut self, reference: u64) -> PageOfValues<'_> {
        let number = reference / PAGE;
        let place = match self.newest {
            Some((newest, place)) if newest == number => place,
            // Batches come in the order in which their series came first.
            Some((_, place)) if self.pages.get(place + 1).is_some_and(|page| page.number == number) => {
                self.renew(place + 1)
            }
            _ => self.find(number),
        };
        PageOfValues(&mut self.pages[place])
    }

    fn find(&mut self, number: u64) -> usize {
        let next = self.pages.len();
        let place = *self.places.entry(number).or_insert(next);
        if place == next {
            let (exponents, words) = ([UNKNOWN; PAGE as usize], [0; PAGE as usize]);
            self.pages.push(Page { number, epoch: self.epoch, exponents, words });
        }
        self.renew(place)
    }

    /// Forgets what is out of date in a page that is used now.
    fn renew(&mut self, place: usize) -> usize {
        let page = &mut self.pages[place];
        if page.epoch != self.epoch {
            page.epoch = self.epoch;
            page.exponents = [UNKNOWN; PAGE as usize];
        }
        self.newest = Some((page.number, place));
        place
    }
}

/// The last values of neighbouring series.
pub(super) struct PageOfValues<'a>(&'a mut Page);

impl PageOfValues<'_> {
    #[inline]
    pub(super) fn get(&self, reference: u64) -> LastValue {
        let at = (reference % PAGE) as usize;
        LastValue { word: self.0.words[at], exponent: self.0.exponents[at] }
    }

    #[inline]
    pub(super) fn set(&mut self, reference: u64, last: LastValue) {
        let at = (reference % PAGE) as usize;
        self.0.words[at] = last.word;
        self.0.exponents[at] = last.exponent;
    }
}
