//! Lesson: count, measure and time what a program does, and show it to Prometheus.
//!
//! `cargo run -p instrument-app` serves a small shop's metrics on http://127.0.0.1:9101/metrics until Ctrl-C;
//! with the argument `once` it prints the page and ends.
#![allow(clippy::print_stdout)] // A lesson shows what it does.

use std::error::Error;
use std::time::{Duration, Instant};

use exporter_kit::instrument::{Buckets, Counter, Family, Gauge, Histogram, RegisterError, Registry};
use exporter_kit::serve::{ServeOptions, bind, serve, stop_signal};
use exporter_kit::{Endpoint, ProcessCollector, Site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// # 1. Decide what to know
///
/// One field per metric. All of them are handles: cheap to clone, usable from any thread, never locked.
#[derive(Clone)]
struct Metrics {
    /// A counter only rises; `rate()` makes orders per second of it. One member per country and outcome.
    orders: Family<[&'static str; 2], Counter>,
    /// A gauge is the value at this moment.
    baskets: Gauge,
    /// A histogram sorts observations into buckets; `histogram_quantile()` makes the 99th percentile of them.
    latency: Histogram,
}

impl Metrics {
    /// # 2. Give the metrics names
    ///
    /// The prefix says whose they are; counters get their `_total` by themselves. A name that is taken by something
    /// else is an error that names both.
    fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let shop = registry.with_prefix("shop");
        Ok(Self {
            orders: shop.counter_family(
                "orders",
                "Orders by country and outcome.",
                ["country", "outcome"],
            )?,
            baskets: shop.gauge("open_baskets", "Baskets that are neither bought nor left.")?,
            latency: shop.histogram(
                "order_duration_seconds",
                "Time from click to confirmation.",
                Buckets::default(),
            )?,
        })
    }
}

/// # 3. Use them where things happen
fn take_order(metrics: &Metrics, number: u64) {
    let begin = Instant::now();
    metrics.baskets.inc();
    std::thread::sleep(Duration::from_millis(number % 9));
    let country = ["de", "fr", "pl"][number as usize % 3];
    let outcome = if number.is_multiple_of(7) { "refused" } else { "paid" };
    metrics.orders.get([country, outcome]).inc();
    metrics.latency.observe_duration(begin.elapsed());
    metrics.baskets.dec();
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::new();
    let metrics = Metrics::register(&registry)?;
    // CPU, memory and open files of this program come for nothing.
    registry.register_collector("process", ProcessCollector::new())?;

    // Two workers take orders: a hundred each before the first scrape, then one every second.
    let workers = [0, 1].map(|worker| {
        let metrics = metrics.clone();
        std::thread::spawn(move || {
            (0..100).for_each(|n| take_order(&metrics, 2 * n + worker));
            metrics
        })
    });
    for worker in workers {
        let metrics = worker.join().map_err(|_| "a worker panicked")?;
        std::thread::spawn(move || {
            for number in 0.. {
                std::thread::sleep(Duration::from_secs(1));
                take_order(&metrics, number);
            }
        });
    }

    // # 4. Let Prometheus look
    let once = std::env::args().any(|argument| argument == "once");
    let listener = bind(if once { "127.0.0.1:0" } else { "127.0.0.1:9101" }).await?;
    let address = listener.local_addr()?;
    let site = Site::new("Shop", "A lesson in instrumenting.", Endpoint::new(&registry));
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
