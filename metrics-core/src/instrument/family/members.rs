//! The members of a family, by their values.

use super::hash::{mix_text, same};
use super::label_limits::LabelLimits;
use super::shelf::Shelf;
use super::symbols::Symbols;
use super::table::Table;
use crate::Timestamp;
use crate::instrument::Instrument;
use crate::instrument::labels::LabelValues;

/// Members whose values are not all of finite kinds, and how many values each label may have.
///
/// A member is a number, under which everything about it is found; a counter with two labels takes some 30 bytes, and
/// each different value of a label its length and some 20 more.
pub(super) struct Members<M> {
    shelf: Shelf<M>,
    symbols: Symbols,
    /// The symbols of every member's values.
    values: Vec<u32>,
    /// How many labels there are.
    labels: usize,
    /// Since when members count, or [`UNKNOWN`]; nothing beyond the last one of whom it is known.
    created: Vec<Timestamp>,
    table: Table,
    seed: u64,
    /// How many members have gone since symbols were last looked through.
    gone: usize,
    pub(super) limits: LabelLimits,
}

const UNKNOWN: Timestamp = Timestamp::MIN;

/// A new member.
pub(super) struct Fresh<M> {
    pub(super) instrument: M,
    pub(super) created: Option<Timestamp>,
}

/// A member, with its label values in the order of the names.
pub(super) struct Member<'a, M> {
    pub(super) values: Vec<&'a str>,
    pub(super) instrument: M,
    pub(super) created: Option<Timestamp>,
}

impl<M> Members<M> {
    /// No members with so many labels; `seed` begins their hashes.
    pub(super) fn new(labels: usize, seed: u64, limits: LabelLimits) -> Self {
        Self {
            shelf: Shelf::new(),
            symbols: Symbols::default(),
            values: Vec::new(),
            labels,
            created: Vec::new(),
            table: Table::default(),
            seed,
            gone: 0,
            limits,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn clear(&mut self) {
        let mut limits = std::mem::take(&mut self.limits);
        limits.clear();
        *self = Self::new(self.labels, self.seed, limits);
    }

    /// Says whether there was such a member.
    pub(super) fn remove(&mut self, hash: u64, values: &impl LabelValues) -> bool {
        let Some(number) = self.number(hash, values) else { return false };
        self.table.remove(hash, number);
        self.shelf.remove(number);
        self.limits.forget(values);
        self.gone += 1;
        // Most symbols may be of members that are gone.
        if self.gone > self.len().max(MANY) {
            self.renew_symbols();
        }
        true
    }

    fn number(&self, hash: u64, values: &impl LabelValues) -> Option<u32> {
        self.table.find(hash, |number| {
            let mut symbols = self.symbols_of(number).iter();
            let mut all = true;
            values.each(|value| {
                let symbol = symbols.next();
                all = all && symbol.is_some_and(|s| same(self.symbols.text(*s).as_bytes(), value.as_bytes()));
            });
            all && symbols.next().is_none()
        })
    }

    fn symbols_of(&self, number: u32) -> &[u32] {
        let start = number as usize * self.labels;
        self.values.get(start..start + self.labels).unwrap_or_default()
    }

    fn renew_symbols(&mut self) {
        let mut symbols = Symbols::default();
        for number in self.shelf.numbers() {
            let start = number as usize * self.labels;
            for symbol in self.values.iter_mut().skip(start).take(self.labels) {
                *symbol = symbols.number(self.symbols.text(*symbol));
            }
        }
        self.symbols = symbols;
        self.gone = 0;
    }
}

/// So many members may go before it is worth the while to look through symbols.
const MANY: usize = 1000;

impl<M: Instrument> Members<M> {
    pub(super) fn find(&self, hash: u64, values: &impl LabelValues) -> Option<M> {
        self.shelf.get(self.number(hash, values)?)
    }

    /// Adds a member that is not there; its instrument may become another new one.
    pub(super) fn insert(&mut self, hash: u64, values: &impl LabelValues, fresh: Fresh<M>) {
        self.limits.note(values);
        let number = self.shelf.put(fresh.instrument);
        self.note_values(number, values);
        self.note_creation(number as usize, fresh.created);
        let Self { table, symbols, values, labels, seed, .. } = self;
        table.insert(hash, number, |number| {
            let symbols_of = values.iter().skip(number as usize * *labels).take(*labels);
            symbols_of.fold(*seed, |hash, symbol| mix_text(hash, symbols.text(*symbol).as_bytes()))
        });
    }

    fn note_values(&mut self, number: u32, values: &impl LabelValues) {
        let start = number as usize * self.labels;
        if self.values.len() < start + self.labels {
            self.values.resize(start + self.labels, 0);
        }
        let mut places = self.values.iter_mut().skip(start).take(self.labels);
        values.each(|value| {
            if let Some(place) = places.next() {
                *place = self.symbols.number(value);
            }
        });
    }

    fn note_creation(&mut self, number: usize, created: Option<Timestamp>) {
        if created.is_some() && self.created.len() <= number {
            self.created.resize(number + 1, UNKNOWN);
        }
        if let Some(place) = self.created.get_mut(number) {
            *place = created.unwrap_or(UNKNOWN);
        }
    }

    /// All members.
    pub(super) fn iter(&self) -> impl Iterator<Item = Member<'_, M>> {
        self.shelf.numbers().filter_map(|number| {
            let values = self.symbols_of(number).iter().map(|symbol| self.symbols.text(*symbol)).collect();
            let created = self.created.get(number as usize).copied().filter(|at| *at != UNKNOWN);
            Some(Member { values, instrument: self.shelf.get(number)?, created })
        })
    }
}
