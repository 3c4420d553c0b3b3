//! Measurements of the workspace: what the criterion benches and the `nodemix` program share.

pub mod allocations;
pub mod nodemix;
pub mod soak;
