//! How many queries run at once.

use parking_lot::{Condvar, Mutex};

/// Seats for queries; who comes when all are taken waits.
pub(crate) struct Queries {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A seat, free again when dropped.
pub(crate) struct Seat<'a>(&'a Queries);

impl Queries {
    pub(crate) fn new(seats: usize) -> Self {
        Self { free: Mutex::new(seats.max(1)), freed: Condvar::new() }
    }

    pub(crate) fn take(&self) -> Seat<'_> {
        let mut free = self.free.lock();
        self.freed.wait_while(&mut free, |free| *free == 0);
        *free -= 1;
        Seat(self)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}
