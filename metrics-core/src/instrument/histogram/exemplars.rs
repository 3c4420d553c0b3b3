//! Example events behind a histogram's buckets.

use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock};

use super::lock;
use crate::Exemplar;

/// How many exemplars a native histogram shows.
const LATEST: usize = 10;

/// The last exemplar of each classic bucket and the last few of all; nothing is allocated before the first one.
#[derive(Debug)]
pub(super) struct Exemplars {
    buckets: usize,
    kept: OnceLock<Box<Mutex<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    by_bucket: Vec<Option<Exemplar>>,
    latest: VecDeque<Exemplar>,
}

impl Exemplars {
    pub(super) fn new(buckets: usize) -> Self {
        Self { buckets, kept: OnceLock::new() }
    }

    pub(super) fn put(&self, bucket: usize, exemplar: Exemplar) {
        let empty = || Kept { by_bucket: vec![None; self.buckets], latest: VecDeque::with_capacity(LATEST) };
        let mut kept = lock(self.kept.get_or_init(|| Box::new(Mutex::new(empty()))));
        if kept.latest.len() == LATEST {
            kept.latest.pop_front();
        }
        kept.latest.push_back(exemplar.clone());
        if let Some(place) = kept.by_bucket.get_mut(bucket) {
            *place = Some(exemplar);
        }
    }

    /// Whether there never was one.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.get().is_none()
    }

    /// One place per classic bucket.
    pub(super) fn by_bucket(&self) -> Vec<Option<Exemplar>> {
        self.kept.get().map_or_else(|| vec![None; self.buckets], |kept| lock(kept).by_bucket.clone())
    }

    /// The last few, oldest first.
    pub(super) fn latest(&self) -> Vec<Exemplar> {
        self.kept.get().map_or_else(Vec::new, |kept| lock(kept).latest.iter().cloned().collect())
    }
}
