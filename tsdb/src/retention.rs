//! Retention: which blocks leave.
