//! The stack in one process.
fn main() {}
