//! A server's life: start, reload, stop.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use dashboards::Dashboards;
use exporter_kit::serve::{ServeOptions, WebConfig, WebConfigError, bind, handler_fn, serve};
use parking_lot::Mutex;
use promql::Engine;
use promql::api::Api;
use scrape_client::Manager;
use scrape_client::config::Config;
use scrape_client::remote_write::Receiver;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::app::{App, Loaded, Order, hostname};
use crate::error::{Error, line};
use crate::notify::{Notifier, QueueLimits};
use crate::options::Options;
use crate::queries::Queries;
use crate::rules::{self, Rules};
use crate::store::Store;
use crate::web::{OwnMetrics, OwnSources, Ready, Web};

/// Name by which targets and Alertmanagers know the server.
const USER_AGENT: &str = "Prometheus/3.14.0";
/// How long waiting alerts may take to leave when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// A server that runs.
pub struct Server {
    app: Arc<App>,
    manager: Manager,
    external_url: String,
    orders: mpsc::Receiver<Order>,
    addresses: Vec<SocketAddr>,
    stop_web: watch::Sender<bool>,
    web: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Server {
    /// Reads the configuration, opens ports and database, and starts scraping, rules and answering. While the
    /// database replays its log, requests are answered with 503.
    ///
    /// # Errors
    /// What one line explains: see [`Error`].
    pub async fn start(options: Options) -> Result<Self, Error> {
        let config = load_config(&options)?;
        rules::load(&config)?;
        let web_config = options.web_config_file.as_deref().map(web_config).transpose()?;
        let mut listeners = Vec::new();
        for address in &options.listen_addresses {
            listeners.push(bind(address).await?);
        }
        let addresses: Vec<SocketAddr> = listeners.iter().filter_map(|l| l.local_addr().ok()).collect();
        let external_url = external_url(&options, addresses.first());
        let prefix = prefix(&options, &external_url)?;

        let settings = serve_options(&options, web_config);
        let (stop_web, stopping) = watch::channel(false);
        let web = Web { prefix: prefix.clone(), ready: Arc::new(OnceLock::new()) };
        let tasks =
            listeners.into_iter().map(|l| listen(l, web.clone(), &settings, stopping.clone())).collect();
        tracing::info!(component = "web", address = ?addresses, "Start listening for connections");

        let store = {
            let (options, config) = (options.clone(), config.clone());
            let open = tokio::task::spawn_blocking(move || Store::open(&options, &config));
            Arc::new(open.await.map_err(|e| Error::Task(e.to_string()))??)
        };
        tracing::info!(series = store.db.head_series(), blocks = store.db.blocks().len(), "TSDB started");

        let limits =
            QueueLimits { capacity: options.notification_capacity, batch: options.notification_batch };
        let notifier = Notifier::new(limits);
        let engine = engine(&options);
        let rules = Arc::new(Rules::start(engine.clone(), store.clone(), notifier.clone()));
        let seed = seed(&config);
        let manager = Manager::with_seed(store.db.clone(), USER_AGENT, seed);
        let has_types = options.features.iter().any(|f| f == "type-and-unit-labels");
        let receiver = Receiver::default().type_and_unit_labels(has_types);
        let loaded = Loaded { config: config.clone(), at: SystemTime::now(), last_reload_worked: true };
        let loaded = Arc::new(Mutex::new(loaded));
        let own = OwnMetrics::new(OwnSources {
            store: store.clone(),
            watcher: manager.watcher(),
            scrapes: manager.stats(),
            received: receiver.stats(),
            notifier: notifier.clone(),
            rules: rules.clone(),
            loaded: loaded.clone(),
        })?;
        let (orders_in, orders) = mpsc::channel(4);
        let app = Arc::new(App {
            external_host: host_of(&external_url).to_owned(),
            dashboards: Dashboards::default().below("/dashboards"),
            queries: Queries::new(options.query_concurrency),
            started: SystemTime::now(),
            watcher: manager.watcher(),
            orders: orders_in,
            options,
            prefix,
            store,
            rules,
            loaded,
            receiver,
            notifier,
            own,
        });
        let mut server = Self { app, manager, external_url, orders, addresses, stop_web, web: tasks };
        server.apply(&config).await?;
        let api = Api::shared(engine, server.app.clone());
        drop(web.ready.set(Ready { app: server.app.clone(), api }));
        tracing::info!("Server is ready to receive web requests.");
        Ok(server)
    }

    /// Where the server listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The database, for programs that run a server inside.
    pub fn store(&self) -> Arc<tsdb::Db> {
        self.app.store.db.clone()
    }

    /// Serves until told to stop, by `shutdown` or by request, then stops everything: no request is cut off,
    /// nothing that has been acknowledged is lost.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut file = FileWatch::new(&self.app.options);
        loop {
            let hung_up = async {
                match &mut hangup {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut shutdown => break,
                _ = hung_up => drop(self.reload().await),
                () = file.changed() => drop(self.reload().await),
                order = self.orders.recv() => match order {
                    Some(Order::Reload(answer)) => {
                        let outcome = self.reload().await;
                        drop(answer.send(outcome));
                    }
                    Some(Order::Quit) | None => break,
                },
            }
        }
        self.stop().await;
    }

    async fn stop(self) {
        tracing::warn!("Received an OS signal or a request to stop, exiting gracefully...");
        self.stop_web.send_replace(true);
        self.manager.stop().await;
        let app = self.app;
        let stop_threads = {
            let app = app.clone();
            tokio::task::spawn_blocking(move || app.rules.stop())
        };
        drop(stop_threads.await);
        if app.options.drain_notifications {
            app.notifier.drain(DRAIN).await;
        }
        for task in self.web {
            drop(task.await);
        }
        drop(tokio::task::spawn_blocking(move || app.store.close()).await);
        tracing::info!("See you next time!");
    }

    /// Reads the configuration again; the old one stays in force if the new one makes no sense.
    async fn reload(&mut self) -> Result<(), String> {
        let started = std::time::Instant::now();
        let outcome = match load_config(&self.app.options) {
            Ok(config) => self.apply(&config).await.map(|()| config),
            Err(error) => Err(error),
        };
        let mut loaded = self.app.loaded.lock();
        loaded.last_reload_worked = outcome.is_ok();
        match outcome {
            Ok(config) => {
                loaded.config = config;
                loaded.at = SystemTime::now();
                tracing::info!(duration = ?started.elapsed(), "Completed loading of configuration file");
                Ok(())
            }
            Err(error) => {
                let error = line(&error);
                tracing::error!(err = %error, "Error reloading config");
                Err(error)
            }
        }
    }

    async fn apply(&mut self, config: &Config) -> Result<(), Error> {
        let jobs = config.scrape_jobs()?;
        self.app.store.apply(config)?;
        self.app.rules.apply(config, &self.app.options, &self.external_url)?;
        self.app.notifier.apply(config)?;
        self.manager.apply(jobs).await?;
        Ok(())
    }
}

/// Keys without effect on samples, alerts and answers: warned about instead of refused.
const SIDE_MATTERS: [&str; 5] = [
    "query_log_file",
    "scrape_failure_log_file",
    "stale_series_compaction_threshold",
    "chunk_encoding",
    "tracing",
];

/// Reads the configuration file and refuses what nothing acts on.
fn load_config(options: &Options) -> Result<Arc<Config>, Error> {
    let mut config = Config::load(&options.config_file, &|name| std::env::var(name).ok())?;
    let has = |feature: &str| options.features.iter().any(|f| f == feature);
    config.type_and_unit_labels = has("type-and-unit-labels");
    config.created_zeros = has("created-timestamp-zero-ingestion");
    let file = options.config_file.display().to_string();
    for found in config.unsupported() {
        if !SIDE_MATTERS.contains(&found.key.as_str()) {
            return Err(Error::Unsupported { file, at: found.at, key: found.key.clone() });
        }
        let at = format!("{file}:{}", found.at);
        tracing::warn!(key = %found.key, %at, "Not supported yet and without effect");
    }
    Ok(Arc::new(config))
}

fn engine(options: &Options) -> Engine {
    let has = |feature: &str| options.features.iter().any(|f| f == feature);
    let mut settings = promql::Options::default();
    settings.max_samples = options.query_max_samples;
    settings.timeout = Some(options.query_timeout);
    settings.lookback_delta = options.lookback;
    settings.delayed_name_removal = has("promql-delayed-name-removal");
    settings.type_and_unit_labels = has("type-and-unit-labels");
    settings.per_step_stats = has("promql-per-step-stats");
    settings.use_start_timestamps = has("use-start-timestamps");
    for feature in &options.features {
        settings.parser = settings.parser.with_flag(feature);
    }
    Engine::new(settings)
}

/// Two servers of one pair scrape at different times, each always at the same.
fn seed(config: &Config) -> u64 {
    let labels = config.global.external_labels.stable_hash();
    hostname().bytes().fold(labels, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

fn web_config(file: &Path) -> Result<WebConfig, WebConfigError> {
    let report = |error: &WebConfigError| {
        tracing::error!(component = "web", err = line(error), "Unable to use web configuration");
    };
    Ok(WebConfig::open(file)?.report_errors(report))
}

fn serve_options(options: &Options, web_config: Option<WebConfig>) -> ServeOptions {
    let mut settings = ServeOptions::default();
    settings.read_timeout = options.read_timeout;
    settings.max_connections = options.max_connections;
    settings.web_config = web_config;
    settings
}

fn listen(
    listener: TcpListener,
    web: Web,
    settings: &ServeOptions,
    mut stopping: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let settings = settings.clone();
    let stop = async move { drop(stopping.wait_for(|stop| *stop).await) };
    let service = handler_fn(move |request| web.respond(request));
    tokio::spawn(async move {
        let stopped = serve(listener, service, settings, stop).await;
        if stopped.cut > 0 {
            tracing::warn!(component = "web", cut = stopped.cut, "Requests were cut off");
        }
    })
}

/// The URL that is given, or this host's name and port.
fn external_url(options: &Options, address: Option<&SocketAddr>) -> String {
    match &options.external_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}:{}", hostname(), address.map_or(9090, SocketAddr::port)),
    }
}

/// Host and port of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or("")
}

/// The path before all paths: what is given, else that of the external URL.
fn prefix(options: &Options, external_url: &str) -> Result<String, Error> {
    let Some((scheme, rest)) = external_url.split_once("://") else {
        return Err(Error::ExternalUrl(external_url.to_owned()));
    };
    if !matches!(scheme, "http" | "https") || rest.is_empty() || rest.starts_with('/') {
        return Err(Error::ExternalUrl(external_url.to_owned()));
    }
    let of_url = rest.split_once('/').map_or("", |(_, path)| path);
    let path = options.route_prefix.as_deref().unwrap_or(of_url).trim_matches('/');
    Ok(if path.is_empty() { String::new() } else { format!("/{path}") })
}

/// Looks whether the configuration file has changed.
struct FileWatch {
    every: Option<(Duration, PathBuf)>,
    last: Option<(SystemTime, u64)>,
}

impl FileWatch {
    fn new(options: &Options) -> Self {
        let path = options.config_file.clone();
        Self { last: stamp(&path), every: options.auto_reload.map(|interval| (interval, path)) }
    }

    async fn changed(&mut self) {
        let Some((interval, path)) = &self.every else { return std::future::pending().await };
        loop {
            tokio::time::sleep(*interval).await;
            let now = stamp(path);
            if now.is_some() && now != self.last {
                self.last = now;
                return;
            }
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_come_from_the_external_url_unless_given() {
        let at = |url: &str, route: Option<&str>| {
            let options = Options { route_prefix: route.map(str::to_owned), ..Options::default() };
            prefix(&options, url).ok()
        };
        assert_eq!(at("http://h:1", None).as_deref(), Some(""));
        assert_eq!(at("https://h/a/b", None).as_deref(), Some("/a/b"));
        assert_eq!(at("https://h/a", Some("/")).as_deref(), Some(""));
        assert_eq!(at("https://h", Some("x/")).as_deref(), Some("/x"));
        assert_eq!(at("ftp://h", None), None);
        assert_eq!(host_of("https://h:1/a"), "h:1");
    }
}
