//! The workload of the field's Go bench on our store and engine; see `benches/README.md`.
#![allow(clippy::print_stderr)]

use std::process::ExitCode;

use benches::allocations::Counting;
use benches::nodemix::{Append, Floor, Ingest, Labels, Mem, Merge, MkBlock, Query, Replay};
use clap::Parser;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Appends, replays, cuts and queries the nodemix workload, and prints what it took.
#[derive(Debug, Parser)]
enum Command {
    Append(Append),
    Mem(Mem),
    Replay(Replay),
    Ingest(Ingest),
    #[command(name = "mkblock")]
    MkBlock(MkBlock),
    Merge(Merge),
    Query(Query),
    Labels(Labels),
    Floor(Floor),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Append(command) => command.run(),
        Command::Mem(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Ingest(command) => command.run(),
        Command::MkBlock(command) => command.run(),
        Command::Merge(command) => command.run(),
        Command::Query(command) => command.run(),
        Command::Labels(command) => command.run(),
        Command::Floor(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nodemix: {error}");
            ExitCode::FAILURE
        }
    }
}
