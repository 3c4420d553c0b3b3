//! Lesson: count, measure and time what a program does, and show it to Prometheus.
//!
//! `cargo run -p instrument-app` serves a small shop's metrics on http://127.0.0.1:9101/metrics until Ctrl-C;
//! with the argument `once` it prints the page and ends.
#![allow(clippy::print_stdout)] // A lesson shows what it does.

use std::error::Error;
use std::time::{Duration, Instant};

use exporter_kit::instrument::{Counter, Family, Gauge, Histogram, Labels, Metrics, Registry};
use exporter_kit::serve::{ServeOptions, bind, serve, stop_signal};
use exporter_kit::{Endpoint, ProcessCollector, Site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// # 1. Decide what to know
///
/// One field per metric, its meaning as documentation. All of them are handles: cheap to clone, usable from any thread,
/// never locked.
#[derive(Clone, Metrics)]
#[metrics(prefix = "shop", crate = exporter_kit)]
struct Shop {
    /// Orders by country and outcome.
    // A counter only rises; `rate()` makes orders per second of it. One member per set of labels.
    orders: Family<Order<'static>, Counter>,
    /// Baskets that are neither bought nor left.
    // A gauge is the value at this moment.
    open_baskets: Gauge,
    /// Time from click to confirmation.
    // A histogram sorts observations into buckets; `histogram_quantile()` makes the 99th percentile of them.
    #[metric(unit = "seconds", buckets = [0.002, 0.004, 0.006, 0.01], native = 1.1)]
    order_duration: Histogram,
}

/// # 2. Decide by what to tell it apart
///
/// Labels are a type of their own, so that names and values cannot be confused. Looking one up allocates nothing.
#[derive(Labels)]
#[label(crate = exporter_kit)]
struct Order<'a> {
    country: &'a str,
    outcome: Outcome,
}

#[derive(Labels)]
#[label(crate = exporter_kit)]
enum Outcome {
    Paid,
    Refused,
}

/// # 3. Use them where things happen
fn take_order(shop: &Shop, number: u64) {
    let begin = Instant::now();
    shop.open_baskets.inc();
    std::thread::sleep(Duration::from_millis(number % 9));
    let country = ["de", "fr", "pl"][number as usize % 3];
    let outcome = if number.is_multiple_of(7) { Outcome::Refused } else { Outcome::Paid };
    shop.orders.inc(Order { country, outcome });
    shop.order_duration.observe_duration(begin.elapsed());
    shop.open_baskets.dec();
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::new();
    let shop = Shop::register(&registry)?;
    // CPU, memory and open files of this program come for nothing.
    registry.register_collector("process", ProcessCollector::new())?;

    // Two workers take orders: a hundred each before the first scrape, then one every second.
    let workers = [0, 1].map(|worker| {
        let shop = shop.clone();
        std::thread::spawn(move || {
            (0..100).for_each(|n| take_order(&shop, 2 * n + worker));
            shop
        })
    });
    for worker in workers {
        let shop = worker.join().map_err(|_| "a worker panicked")?;
        std::thread::spawn(move || {
            for number in 0.. {
                std::thread::sleep(Duration::from_secs(1));
                take_order(&shop, number);
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
