//! The rules, on a thread of their own: evaluated when due, their alerts handed to the notifier.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use promql::rules::{GroupCounts, Manager, ManagerOptions, RuleFile, RuleFileOptions, parse_rules};
use promql::{Engine, GroupStatus};
use scrape_client::config::Config;

use crate::error::Error;
use crate::notify::Notifier;
use crate::options::Options;
use crate::store::{Store, now};

/// Longest sleep while there is nothing to do.
const IDLE: Duration = Duration::from_secs(3600);

/// The rules of a server.
pub(crate) struct Rules {
    shared: Arc<Shared>,
    thread: Mutex<Option<(Sender<Wake>, JoinHandle<()>)>>,
}

struct Shared {
    manager: Mutex<Manager>,
    /// What was known after the last evaluation: nobody waits for a slow rule to see it.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    status: Vec<GroupStatus>,
    counts: Vec<GroupCounts>,
}

enum Wake {
    Reloaded,
    Stop,
}

impl Shared {
    fn remember(&self, manager: &Manager) {
        *self.known.lock() = Known { status: manager.status(), counts: manager.counts() };
    }
}

impl Rules {
    /// Starts the thread, without rules.
    pub(crate) fn start(engine: Engine, store: Arc<Store>, notifier: Notifier) -> Self {
        let manager = Mutex::new(Manager::new(ManagerOptions::default()));
        let shared = Arc::new(Shared { manager, known: Mutex::default() });
        let (wake, woken) = channel();
        let inner = shared.clone();
        let thread = std::thread::Builder::new().name("rules".to_owned()).spawn(move || {
            let mut wait = IDLE;
            loop {
                match woken.recv_timeout(wait) {
                    Ok(Wake::Reloaded) | Err(RecvTimeoutError::Timeout) => {}
                    Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                }
                let db = &*store.db;
                let tick = {
                    let mut manager = inner.manager.lock();
                    let tick = manager.tick(now(), &(&engine, db), db, db);
                    inner.remember(&manager);
                    tick
                };
                notifier.send(tick.alerts);
                let due = tick.next_due.map(|due| u64::try_from(due - now()).unwrap_or(0));
                wait = due.map_or(IDLE, |ms| Duration::from_millis(ms).min(IDLE));
            }
        });
        if let Err(error) = &thread {
            tracing::error!(component = "rule manager", err = %error, "no thread for rules");
        }
        Self { shared, thread: Mutex::new(thread.ok().map(|t| (wake, t))) }
    }

    /// Reads the rule files that a configuration names; `external_url` is for links in alerts.
    pub(crate) fn apply(&self, config: &Config, options: &Options, external_url: &str) -> Result<(), Error> {
        let files = load(config)?;
        let mut manager = self.shared.manager.lock();
        let mut settings = ManagerOptions::default();
        settings.interval = config.global.evaluation_interval;
        settings.query_offset = config.global.rule_query_offset;
        settings.outage_tolerance = options.outage_tolerance;
        settings.for_grace_period = options.for_grace_period;
        settings.resend_delay = options.resend_delay;
        settings.external_labels = config.global.external_labels.clone();
        external_url.trim_end_matches('/').clone_into(&mut settings.external_url);
        manager.set_options(settings);
        manager.reload(files, now()).map_err(|e| Error::Rules(e.to_string()))?;
        self.shared.remember(&manager);
        drop(manager);
        if let Some((wake, _)) = &*self.thread.lock() {
            let _ = wake.send(Wake::Reloaded);
        }
        Ok(())
    }

    pub(crate) fn status(&self) -> Vec<GroupStatus> {
        self.shared.known.lock().status.clone()
    }

    pub(crate) fn counts(&self) -> Vec<GroupCounts> {
        self.shared.known.lock().counts.clone()
    }

    /// Stops the thread after the evaluation under way.
    pub(crate) fn stop(&self) {
        if let Some((wake, thread)) = self.thread.lock().take() {
            let _ = wake.send(Wake::Stop);
            let _ = thread.join();
        }
    }
}

/// Reads all rule files of a configuration.
pub(crate) fn load(config: &Config) -> Result<Vec<(String, RuleFile)>, Error> {
    let mut files = Vec::new();
    for path in config.rule_files.iter().flat_map(|pattern| scrape_client::config::expand(pattern)) {
        let name = path.display().to_string();
        let file = read(&path).map_err(|errors| Error::Rules(format!("{name}: {}", errors.join("; "))))?;
        files.push((name, file));
    }
    Ok(files)
}

fn read(path: &Path) -> Result<RuleFile, Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|e| vec![e.to_string()])?;
    parse_rules(&text, &RuleFileOptions::default())
        .map_err(|errors| errors.iter().map(|e| crate::error::line(e)).collect())
}
