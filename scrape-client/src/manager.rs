//! All jobs: starts, changes and stops them as the configuration says, and tells how their targets are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics_core::Append;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::ScrapeConfig;
use crate::discovery::{Discover, TargetGroup, sources};
use crate::http::HttpError;
use crate::pool::{FetchFactory, Pool, Shared, http_factory};
use crate::scrape_loop::stopping;
use crate::stats::ScrapeStats;
use crate::status::{PoolStatus, TargetsStatus};

/// How long new sources may take to report before the targets of the old ones are given up.
const FIRST_REPORT: Duration = Duration::from_secs(5);

/// Scrapes all jobs into a store. Must live inside a tokio runtime.
///
/// ```
/// use std::sync::Arc;
/// use metrics_core::MemStore;
/// use scrape_client::{Manager, config::Config};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let yaml = "scrape_configs: [{job_name: node, static_configs: [{targets: ['localhost:9100']}]}]";
/// let config = Config::parse(yaml, "prometheus.yml", &|_| None).unwrap();
/// let store = Arc::new(MemStore::default());
/// let mut manager = Manager::new(store, "my-program/1.0");
/// manager.apply(config.scrape_jobs().unwrap()).await.unwrap();
/// # tokio::time::sleep(std::time::Duration::from_millis(50)).await;
/// assert_eq!(manager.status()["node"].active[0].target.url, "http://localhost:9100/metrics");
/// manager.stop().await;
/// # });
/// ```
pub struct Manager {
    shared: Arc<Shared>,
    jobs: BTreeMap<String, Job>,
    statuses: Statuses,
    shutdown: watch::Sender<bool>,
}

type Statuses = Arc<Mutex<BTreeMap<String, Arc<Mutex<PoolStatus>>>>>;

struct Job {
    config: Arc<ScrapeConfig>,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

enum Command {
    Reload(Arc<ScrapeConfig>),
    End,
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").field("jobs", &self.jobs.keys()).finish_non_exhaustive()
    }
}

impl Manager {
    /// A manager without jobs. `user_agent` names the program to targets.
    pub fn new(store: Arc<dyn Append>, user_agent: impl Into<String>) -> Self {
        Self::with_seed(store, user_agent, 0)
    }

    /// As [`Manager::new`]; servers with different seeds scrape a target at different times.
    pub fn with_seed(store: Arc<dyn Append>, user_agent: impl Into<String>, seed: u64) -> Self {
        Self::with_fetch(store, http_factory(user_agent.into()), seed)
    }

    /// As [`Manager::with_seed`], fetching by means of its own.
    pub fn with_fetch(store: Arc<dyn Append>, fetch: Box<FetchFactory>, seed: u64) -> Self {
        let (shutdown, down) = watch::channel(false);
        let (stats, buffers) = Default::default();
        let shared = Shared { store, fetch, stats, buffers, seed, shutdown: down };
        Self { shared: Arc::new(shared), jobs: BTreeMap::new(), statuses: Arc::default(), shutdown }
    }

    /// Takes a list of jobs as all jobs there are: starts new ones, tells changed ones, stops the others.
    ///
    /// # Errors
    /// If the HTTP client of a job cannot be made; the other jobs are as asked for.
    pub async fn apply(&mut self, configs: Vec<Arc<ScrapeConfig>>) -> Result<(), HttpError> {
        let gone: Vec<String> =
            self.jobs.keys().filter(|name| !configs.iter().any(|c| c.job_name == **name)).cloned().collect();
        for name in gone {
            self.statuses.lock().remove(&name);
            if let Some(job) = self.jobs.remove(&name) {
                drop(job.commands.send(Command::End).await);
            }
        }
        let mut result = Ok(());
        for config in configs {
            match self.jobs.get_mut(&config.job_name) {
                Some(job) => job.change(config).await,
                None => {
                    if let Err(error) = self.start(config) {
                        self.shared.stats.pools_failed.add(1);
                        result = Err(error);
                    }
                }
            }
        }
        result
    }

    fn start(&mut self, config: Arc<ScrapeConfig>) -> Result<(), HttpError> {
        self.shared.stats.pools.add(1);
        let status: Arc<Mutex<PoolStatus>> = Arc::default();
        let pool = Pool::new(config.clone(), self.shared.clone(), status.clone())?;
        let (commands, inbox) = mpsc::channel(4);
        let shutdown = self.shared.shutdown.clone();
        let task = tokio::spawn(run(pool, config.clone(), inbox, shutdown));
        self.statuses.lock().insert(config.job_name.clone(), status);
        self.jobs.insert(config.job_name.clone(), Job { config, commands, task });
        Ok(())
    }

    /// How the targets are now.
    pub fn status(&self) -> TargetsStatus {
        self.watcher().status()
    }

    /// Something to ask how the targets are, that outlives a borrow of the manager.
    pub fn watcher(&self) -> StatusWatcher {
        StatusWatcher { statuses: self.statuses.clone() }
    }

    /// What has been counted.
    pub fn stats(&self) -> Arc<ScrapeStats> {
        self.shared.stats.clone()
    }

    /// Stops all scraping and waits for it. Writes no staleness markers: a server that starts again goes on
    /// where this one ended.
    pub async fn stop(self) {
        self.shutdown.send_replace(true);
        for job in self.jobs.into_values() {
            drop(job.task.await);
        }
    }
}

/// Tells how the targets of a [`Manager`] are.
#[derive(Debug, Clone)]
pub struct StatusWatcher {
    statuses: Statuses,
}

impl StatusWatcher {
    /// How the targets are now.
    pub fn status(&self) -> TargetsStatus {
        let statuses = self.statuses.lock();
        statuses.iter().map(|(name, status)| (name.clone(), status.lock().clone())).collect()
    }
}

impl Job {
    async fn change(&mut self, config: Arc<ScrapeConfig>) {
        let mut same = (*self.config).clone();
        same.at = config.at; // the same job further down in the file
        if same == *config {
            return;
        }
        self.config = config.clone();
        drop(self.commands.send(Command::Reload(config)).await);
    }
}

/// A job's groups by source, and the tasks that wait for news of them.
struct Sources {
    news: mpsc::Receiver<(usize, Vec<TargetGroup>)>,
    tasks: Vec<JoinHandle<()>>,
    groups: BTreeMap<(usize, String), TargetGroup>,
}

impl Sources {
    fn start(config: &ScrapeConfig) -> Self {
        let (sender, news) = mpsc::channel(16);
        let watch = |(number, source)| tokio::spawn(watch_source(number, source, sender.clone()));
        let tasks = sources(&config.discoveries).into_iter().enumerate().map(watch).collect();
        Self { news, tasks, groups: BTreeMap::new() }
    }

    fn take(&mut self, number: usize, groups: Vec<TargetGroup>) {
        for group in groups {
            let key = (number, group.source.clone());
            match group.targets.is_empty() {
                true => drop(self.groups.remove(&key)),
                false => drop(self.groups.insert(key, group)),
            }
        }
    }

    /// Waits until every source has reported once.
    async fn first_reports(&mut self) {
        let mut missing: Vec<usize> = (0..self.tasks.len()).collect();
        let all = async {
            while !missing.is_empty() {
                let Some((number, groups)) = self.news.recv().await else { return };
                missing.retain(|n| *n != number);
                self.take(number, groups);
            }
        };
        drop(tokio::time::timeout(FIRST_REPORT, all).await);
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn watch_source(
    number: usize,
    mut source: Box<dyn Discover>,
    news: mpsc::Sender<(usize, Vec<TargetGroup>)>,
) {
    loop {
        let groups = source.next().await;
        if news.send((number, groups)).await.is_err() {
            return;
        }
    }
}

/// A job's life.
async fn run(
    mut pool: Pool,
    config: Arc<ScrapeConfig>,
    mut inbox: mpsc::Receiver<Command>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut sources = Sources::start(&config);
    loop {
        tokio::select! {
            () = stopping(&mut shutdown) => return pool.join().await,
            Some((number, groups)) = sources.news.recv() => {
                sources.take(number, groups);
                pool.sync(sources.groups.values());
            }
            command = inbox.recv() => match command {
                Some(Command::Reload(config)) => {
                    let job = config.job_name.clone();
                    if let Err(error) = pool.reload(config.clone()).await {
                        tracing::error!(component = "scrape manager", scrape_pool = %job, err = %error, "error reloading scrape pool");
                        continue;
                    }
                    sources = Sources::start(&config);
                    sources.first_reports().await;
                    pool.sync(sources.groups.values());
                }
                Some(Command::End) => return pool.end(),
                None => return,
            },
        }
    }
}
