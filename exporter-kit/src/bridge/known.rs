//! The metrics that the facade has asked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::LocalKey;

use metrics::Key;
use metrics_core::instrument::Instrument;
use parking_lot::RwLock;

/// One of our instruments behind the facade's.
pub(super) trait Bridged: Sized + 'static {
    /// What it is here.
    type Instrument: Instrument;
    /// What the facade hands out.
    type Handle: Clone + 'static;

    fn instrument(&self) -> &Self::Instrument;

    /// What the calling thread remembers of this kind.
    fn remembered() -> &'static LocalKey<Memory<Self::Handle>>;
}

/// All metrics of one kind.
pub(super) struct Known<B> {
    /// Tells bridges apart in the memory of threads.
    number: usize,
    by_key: RwLock<Table<Arc<B>>>,
}

/// By the hashes that keys carry; several entries where hashes collide.
type Table<T> = HashMap<u64, Vec<(Key, T)>, BuildHasherDefault<PlainHash>>;

/// What one thread remembers: the bridge's number beside each handle.
pub(super) type Memory<H> = RefCell<Table<(usize, H)>>;

/// How many hashes a thread remembers; then it begins anew.
const MEMORY: usize = 4096;

static BRIDGES: AtomicUsize = AtomicUsize::new(0);

impl<B: Bridged> Known<B> {
    pub(super) fn new() -> Self {
        Self { number: BRIDGES.fetch_add(1, Ordering::Relaxed), by_key: RwLock::default() }
    }

    /// The metric of this key, made if it is not there yet, as the facade wants it.
    pub(super) fn get(
        &self,
        key: &Key,
        make: impl FnOnce() -> B,
        handle: impl FnOnce(Arc<B>) -> B::Handle,
    ) -> B::Handle {
        let hash = key.get_hash();
        let find = |memory: &Memory<B::Handle>| {
            let memory = memory.borrow();
            let found = memory.get(&hash)?.iter().find(|(k, (number, _))| *number == self.number && k == key);
            found.map(|(_, (_, handle))| handle.clone())
        };
        // A thread that is ending has no memory any more.
        if let Ok(Some(known)) = B::remembered().try_with(find) {
            return known;
        }
        let handle = handle(self.find_or_make(hash, key, make));
        let remember = |memory: &Memory<B::Handle>| {
            let mut memory = memory.borrow_mut();
            if memory.len() >= MEMORY {
                memory.clear();
            }
            memory.entry(hash).or_default().push((key.clone(), (self.number, handle.clone())));
        };
        // As above.
        let _ = B::remembered().try_with(remember);
        handle
    }

    fn find_or_make(&self, hash: u64, key: &Key, make: impl FnOnce() -> B) -> Arc<B> {
        let find = |table: &Table<Arc<B>>| {
            let found = table.get(&hash)?.iter().find(|(k, _)| k == key);
            found.map(|(_, bridged)| Arc::clone(bridged))
        };
        if let Some(known) = find(&self.by_key.read()) {
            return known;
        }
        // Made before the lock is taken, since `make` is the user's.
        let made = Arc::new(make());
        let mut table = self.by_key.write();
        // Another thread may have been faster.
        if let Some(known) = find(&table) {
            return known;
        }
        table.entry(hash).or_default().push((key.clone(), Arc::clone(&made)));
        made
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> Vec<(Key, Arc<B>)> {
        self.by_key.read().values().flatten().cloned().collect()
    }
}

/// Keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct PlainHash(u64);

impl Hasher for PlainHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only `write_u64` is called.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }
}
