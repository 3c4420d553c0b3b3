//! The targets of one job and their loops.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use metrics_core::Append;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::ScrapeConfig;
use crate::discovery::TargetGroup;
use crate::http::{Fetch, HttpError, HttpFetch};
use crate::scrape::{MetadataStore, Scraper, SeriesCache};
use crate::scrape_loop::{Buffers, ScrapeLoop, Stop, TooMany};
use crate::stats::ScrapeStats;
use crate::status::{LastScrape, PoolStatus, TargetState};
use crate::target::{Outcome, Target, targets};

/// Makes a job's means of fetching.
pub type FetchFactory = dyn Fn(&ScrapeConfig) -> Result<Arc<dyn Fetch>, HttpError> + Send + Sync;

/// What all jobs of a manager share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Append>,
    pub(crate) fetch: Box<FetchFactory>,
    pub(crate) stats: Arc<ScrapeStats>,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) seed: u64,
    pub(crate) shutdown: watch::Receiver<bool>,
}

/// The factory of HTTP fetchers that name the program to targets.
pub(crate) fn http_factory(user_agent: String) -> Box<FetchFactory> {
    Box::new(move |job| Ok(Arc::new(HttpFetch::new(job, &user_agent)?)))
}

/// A job's targets.
pub(crate) struct Pool {
    job: Arc<ScrapeConfig>,
    fetch: Arc<dyn Fetch>,
    shared: Arc<Shared>,
    loops: BTreeMap<u64, Running>,
    too_many: Arc<Mutex<TooMany>>,
    status: Arc<Mutex<PoolStatus>>,
}

/// A loop that runs.
struct Running {
    state: Arc<TargetState>,
    stop: watch::Sender<Stop>,
    task: JoinHandle<SeriesCache>,
}

impl Pool {
    pub(crate) fn new(
        job: Arc<ScrapeConfig>,
        shared: Arc<Shared>,
        status: Arc<Mutex<PoolStatus>>,
    ) -> Result<Self, HttpError> {
        let fetch = (shared.fetch)(&job)?;
        Ok(Self { job, fetch, shared, loops: BTreeMap::new(), too_many: Arc::default(), status })
    }

    /// Takes the targets of groups as the job's targets: starts what is new, stops what is gone.
    pub(crate) fn sync<'a>(&mut self, groups: impl Iterator<Item = &'a TargetGroup>) {
        self.shared.stats.pool_syncs.add(1);
        let mut wanted: HashMap<u64, Arc<Target>> = HashMap::new();
        let (mut dropped, mut dropped_count) = (Vec::new(), 0);
        for outcome in groups.flat_map(|g| targets(&self.job, g)) {
            match outcome {
                Outcome::Target(target) => drop(wanted.entry(target.id()).or_insert(target)),
                Outcome::Dropped(labels) => {
                    dropped_count += 1;
                    let keep = self.job.keep_dropped_targets;
                    if keep == 0 || (dropped.len() as u64) < keep {
                        dropped.push(labels);
                    }
                }
                Outcome::Invalid(error) => {
                    self.shared.stats.sync_failed.add(1);
                    let pool = &self.job.job_name;
                    tracing::error!(component = "scrape manager", scrape_pool = %pool, err = %error, "Creating target failed");
                }
            }
        }
        let gone: Vec<u64> = self.loops.keys().filter(|id| !wanted.contains_key(id)).copied().collect();
        for running in gone.iter().filter_map(|id| self.loops.remove(id)) {
            running.stop.send_replace(Stop::Gone);
        }
        for (id, target) in wanted {
            if !self.loops.contains_key(&id) {
                let running = self.start(target, SeriesCache::new(), Arc::default(), LastScrape::default());
                self.loops.insert(id, running);
            }
        }
        self.check_limit();
        let mut active: Vec<_> = self.loops.values().map(|r| r.state.clone()).collect();
        active.sort_by(|a, b| a.target.url.cmp(&b.target.url));
        *self.status.lock() = PoolStatus { active, dropped, dropped_count };
    }

    /// Takes a new configuration: every loop is replaced by one that follows it. Memories of pages live on
    /// unless the change is about what they hold.
    pub(crate) async fn reload(&mut self, job: Arc<ScrapeConfig>) -> Result<(), HttpError> {
        self.shared.stats.pool_reloads.add(1);
        let fetch =
            (self.shared.fetch)(&job).inspect_err(|_| self.shared.stats.pool_reloads_failed.add(1))?;
        let same_memory = remembers_alike(&self.job, &job);
        self.job = job;
        self.fetch = fetch;
        for (id, running) in std::mem::take(&mut self.loops) {
            let stop = if same_memory { Stop::Replaced } else { Stop::Gone };
            running.stop.send_replace(stop);
            let Ok(Some(target)) = Target::new(&self.job, running.state.target.discovered.clone()) else {
                continue;
            };
            // A target that the new rules make another is left to the sync that follows.
            if target.id() != id {
                running.stop.send_replace(Stop::Gone);
                continue;
            }
            let cache = match stop {
                Stop::Replaced => running.task.await.unwrap_or_else(|_| SeriesCache::new()),
                _ => SeriesCache::new(),
            };
            let (metadata, last) = (running.state.metadata.clone(), running.state.last());
            let running = self.start(Arc::new(target), cache, metadata, last);
            self.loops.insert(id, running);
        }
        self.check_limit();
        Ok(())
    }

    /// Stops all loops because the job is gone.
    pub(crate) fn end(self) {
        for running in self.loops.values() {
            running.stop.send_replace(Stop::Gone);
        }
    }

    /// Waits for all loops after the manager has been told to stop.
    pub(crate) async fn join(self) {
        for running in self.loops.into_values() {
            drop(running.task.await);
        }
    }

    fn start(
        &self,
        target: Arc<Target>,
        cache: SeriesCache,
        metadata: Arc<MetadataStore>,
        last: LastScrape,
    ) -> Running {
        let (stop, stopped) = watch::channel(Stop::No);
        let stats = self.shared.stats.clone();
        let scraper = Scraper::new(self.job.clone(), target.clone(), cache, metadata.clone(), stats);
        let state = Arc::new(TargetState::new(target, metadata, last));
        let scrape_loop = ScrapeLoop {
            scraper,
            fetch: self.fetch.clone(),
            store: self.shared.store.clone(),
            buffers: self.shared.buffers.clone(),
            state: state.clone(),
            too_many: self.too_many.clone(),
            stop: stopped,
            shutdown: self.shared.shutdown.clone(),
            seed: self.shared.seed,
        };
        Running { state, stop, task: tokio::spawn(scrape_loop.run()) }
    }

    fn check_limit(&self) {
        let (count, limit) = (self.loops.len(), self.job.target_limit);
        let exceeded = limit > 0 && count as u64 > limit;
        if exceeded {
            self.shared.stats.exceeded_target_limit.add(1);
        }
        *self.too_many.lock() = exceeded.then_some((count, limit));
    }
}

/// Whether two configurations differ in nothing but how a page is fetched, so that what is known about the page
/// holds for both.
fn remembers_alike(a: &ScrapeConfig, b: &ScrapeConfig) -> bool {
    let mut a = a.clone();
    a.at = b.at;
    a.scrape_interval = b.scrape_interval;
    a.scrape_timeout = b.scrape_timeout;
    a.sample_limit = b.sample_limit;
    a.http = b.http.clone();
    a == *b
}
