//! Files mapped into memory: the only unsafe code of the crate.
