//! `nodemix`: the workload of the field's Go bench, against our store and engine.
//!
//! Same labels, values and timestamps, same subcommands, same lines, so that both run side by side.
#![allow(clippy::print_stdout)] // the commands print their figures

pub mod workload;

mod append;
mod blocks;
mod floor;
mod ingest;
mod labels;
pub(crate) mod measure;
mod memory;
mod merge;
mod queries;
mod query;
mod replay;
mod store;

pub use append::Append;
pub use blocks::MkBlock;
pub use floor::Floor;
pub use ingest::Ingest;
pub use labels::Labels;
pub use measure::resident;
pub use memory::Mem;
pub use merge::Merge;
pub use query::Query;
pub use replay::Replay;

/// What can go wrong in a command.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
