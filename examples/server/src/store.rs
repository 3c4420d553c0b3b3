//! The database and the thread that keeps it in order.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use scrape_client::config::Config;
use tsdb::Db;
use tsdb::wal::{LogStyle, WalOptions};

use crate::options::Options;

/// An open database.
pub(crate) struct Store {
    pub(crate) db: Arc<Db>,
    keeper: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

const DAY_MS: i64 = 86_400_000;

impl Store {
    /// Opens the directory and replays its log.
    pub(crate) fn open(options: &Options, config: &Config) -> Result<Self, tsdb::Error> {
        let db = Arc::new(Db::open(&options.data_dir, db_options(options, config))?);
        for warning in db.warnings() {
            tracing::warn!(component = "tsdb", err = %crate::error::line(warning), "Trouble while opening the database");
        }
        let (stop, stopped) = channel();
        let kept = db.clone();
        let thread = std::thread::Builder::new().name("tsdb".to_owned()).spawn(move || {
            let mut wait = Duration::ZERO;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = match kept.tick(now()) {
                    Ok(due) => Duration::from_millis(u64::try_from(due - now()).unwrap_or(0)),
                    Err(error) => {
                        tracing::error!(component = "tsdb", err = %crate::error::line(&error), "compaction failed");
                        Duration::from_secs(60)
                    }
                };
            }
        });
        if let Err(error) = &thread {
            tracing::error!(component = "tsdb", err = %error, "no thread for compaction");
        }
        Ok(Self { db, keeper: Mutex::new(thread.ok().map(|t| (stop, t))) })
    }

    /// Takes what a new configuration says of the store.
    pub(crate) fn apply(&self, config: &Config) -> Result<(), tsdb::Error> {
        self.db.set_out_of_order_window(millis(config.out_of_order_window))
    }

    /// Stops the maintenance and leaves a snapshot if there is to be one; what has been committed is with the operating
    /// system already.
    pub(crate) fn close(&self) {
        if let Some((stop, thread)) = self.keeper.lock().take() {
            drop(stop);
            let _ = thread.join();
            if self.db.options().snapshot
                && let Err(error) = self.db.write_snapshot()
            {
                tracing::error!(component = "tsdb", err = %crate::error::line(&error), "no snapshot of the memory");
            }
        }
    }
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

/// Flags first, then the configuration, then 15 days unless a size is set.
fn db_options(options: &Options, config: &Config) -> tsdb::Options {
    let retention_size = options.retention_size.or(config.retention_size);
    let time = options.retention_time.or(config.retention_time).map(millis);
    let retention = time.or(retention_size.is_none().then_some(15 * DAY_MS));
    let block_range = millis(options.block_duration);
    let largest = match (options.max_block_duration, retention) {
        (Some(given), _) => millis(given),
        (None, Some(retention)) => (retention / 10).min(31 * DAY_MS),
        (None, None) => 31 * DAY_MS,
    };
    tsdb::Options {
        // So that the directory stays one that the original opens.
        merged_chunks: tsdb::compact::Style::Field,
        wal: WalOptions { style: LogStyle::Field, ..WalOptions::default() },
        block_range,
        max_block_range: largest.max(block_range),
        retention,
        retention_size,
        snapshot: options.features.iter().any(|f| f == "memory-snapshot-on-shutdown"),
        max_exemplars: config.max_exemplars.map_or(100_000, |n| usize::try_from(n).unwrap_or(0)),
        out_of_order_window: millis(config.out_of_order_window),
        ..tsdb::Options::default()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}
