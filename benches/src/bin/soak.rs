//! A store under load for a while, with exact counts; see `benches/README.md`.
#![allow(clippy::print_stderr)]

use std::process::ExitCode;

use benches::soak::Soak;
use clap::Parser;

fn main() -> ExitCode {
    match Soak::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}
