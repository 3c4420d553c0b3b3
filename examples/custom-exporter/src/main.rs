//! Lesson: an exporter of one's own, whose metrics are made up at the moment of the scrape.
//!
//! `cargo run -p custom-exporter -- /etc /tmp` shows how many files and bytes lie directly in these folders (in the
//! current one without arguments), on http://127.0.0.1:9102/metrics until Ctrl-C; with the argument `once` it prints
//! the page and ends.
#![allow(clippy::print_stdout)] // A lesson shows what it does.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use exporter_kit::instrument::{Collect, CollectError, Registry};
use exporter_kit::serve::{ServeOptions, bind, serve, stop_signal};
use exporter_kit::{Endpoint, Guarded, Site};
use metrics_core::family::{MetricFamily, MetricValue};
use metrics_core::{LabelSet, MetricType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// # 1. A collector
///
/// It keeps what it needs to look, not what it saw: every scrape looks anew.
struct Folder {
    path: PathBuf,
}

impl Collect for Folder {
    /// # 2. Metrics of this moment
    ///
    /// Any error ends it with `?`. What was pushed before is shown all the same.
    fn collect(&self, families: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let (mut files, mut bytes) = (0u64, 0u64);
        for entry in fs::read_dir(&self.path)? {
            let metadata = entry?.metadata()?;
            if metadata.is_file() {
                files += 1;
                bytes += metadata.len();
            }
        }
        let folder = LabelSet::from_pairs([("folder", self.path.to_string_lossy())]);
        let mut gauge = |name: &str, help: &str, value: u64| {
            let mut family = MetricFamily::new(name, help, MetricType::Gauge);
            family.push(folder.clone(), MetricValue::Gauge(value as f64));
            families.push(family);
        };
        gauge("folder_files", "Files that lie directly in the folder.", files);
        gauge("folder_size_bytes", "Bytes in the files that lie directly in the folder.", bytes);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (flags, mut folders): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|a| a == "once");
    let once = !flags.is_empty();
    if folders.is_empty() {
        folders.push(".".to_owned());
    }

    // # 3. A registry
    //
    // `Guarded` adds success and duration of each collector. One that fails, or panics, spoils no other.
    let registry = Registry::new();
    for folder in folders {
        let collector = Folder { path: PathBuf::from(&folder) };
        registry.register_collector(folder.clone(), Guarded::new("folder", &folder, collector))?;
    }

    // # 4. A site
    let listener = bind(if once { "127.0.0.1:0" } else { "127.0.0.1:9102" }).await?;
    let address = listener.local_addr()?;
    let endpoint = Endpoint::new(&registry).report_errors(|error| println!("error: {error}"));
    let site = Site::new("Folder exporter", "How full some folders are.", endpoint);
    let server = tokio::spawn(serve(listener, site, ServeOptions::default(), stop_signal()));

    // The page as a scraper gets it.
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    println!("{}", answer.split_once("\r\n\r\n").map_or(answer.as_str(), |(_, page)| page));

    if !once {
        println!("serving http://{address}/metrics until Ctrl-C");
        server.await?;
    }
    Ok(())
}
