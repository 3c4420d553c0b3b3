//! Stage 1: what the counters of a large family cost in memory and in time, beside the crates that people use today.
//!
//! Each line is a process of its own, since memory that one family has freed would hide what the next one takes.
//! `grid` are 1,000 × 1,000 label values, `unique` is one value and a million others.

#![allow(clippy::print_stdout)] // prints its figures

use std::error::Error;
use std::process::Command;
use std::time::Instant;

use benches::nodemix::resident;
use metrics_core::instrument::{Counter, Family};

const LABELS: [&str; 2] = ["customer", "route"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match &arguments[..] {
        [program, values, members] => measure(program, values, members.parse()?),
        [] => every(1_000_000),
        _ => every(1_000),
    }
}

fn every(members: u64) -> Result<(), Box<dyn Error>> {
    for values in ["grid", "unique"] {
        for program in ["ours", "prometheus", "prometheus-client"] {
            let itself = std::env::current_exe()?;
            let status = Command::new(itself).args([program, values, &members.to_string()]).status()?;
            if !status.success() {
                return Err(format!("{program} with {values} values: {status}").into());
            }
        }
    }
    Ok(())
}

/// The label values of the nth member.
fn values(kind: &str, n: u64) -> [String; 2] {
    match kind {
        "grid" => [format!("customer-{:04}", n / 1000), format!("/api/v1/route/{:04}", n % 1000)],
        _ => ["GET".to_owned(), format!("user-{n:08}")],
    }
}

fn measure(program: &str, kind: &str, members: u64) -> Result<(), Box<dyn Error>> {
    let each = |use_it: &mut dyn FnMut([&str; 2])| {
        (0..members).for_each(|n| {
            let [a, b] = values(kind, n);
            use_it([&a, &b]);
        });
    };
    let (before, begin) = (resident(), Instant::now());
    // Kept until all is measured.
    let (bytes, time) = match program {
        "ours" => {
            let family: Family<[&str; 2], Counter> = Family::new(LABELS, Counter::new);
            each(&mut |values| family.inc(values));
            (resident() - before, begin.elapsed())
        }
        "prometheus" => {
            let family = prometheus::IntCounterVec::new(prometheus::Opts::new("c", "c"), &LABELS)?;
            each(&mut |values| family.with_label_values(&values).inc());
            (resident() - before, begin.elapsed())
        }
        _ => {
            use prometheus_client::metrics::{counter::Counter, family::Family};
            let family = Family::<[(&'static str, String); 2], Counter>::default();
            each(&mut |[a, b]| {
                family.get_or_create(&[(LABELS[0], a.to_owned()), (LABELS[1], b.to_owned())]).inc();
            });
            (resident() - before, begin.elapsed())
        }
    };
    let (bytes, nanoseconds) = (bytes / members as f64, time.as_nanos() as f64 / members as f64);
    println!("{kind:7} {program:18} {bytes:6.1} bytes and {nanoseconds:6.0} ns per new member");
    Ok(())
}
