//! Takes alerts, groups them along a route tree, and notifies webhooks: the part of the field's Alertmanager
//! that a first installation needs, behind the same API, configuration file and port.
//!
//! What it is not yet: time intervals, templates, other receivers and clustering are missing, and a
//! configuration that asks for them is refused with words that say so.
//!
//! ```text
//! POST /api/v2/alerts → api → store → route → group → inhibit → silence → notify log → webhook
//!                             `----------------- dispatcher -----------------'
//! ```

pub mod alert;
mod api;
pub mod config;
pub mod dispatcher;
pub mod inhibit;
pub mod matchers;
pub mod notify_log;
mod own_metrics;
mod page;
pub mod quiet;
pub mod receivers;
pub mod route;
pub mod silence;
mod snapshot;
pub mod store;

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use exporter_kit::instrument::RegisterError;
use exporter_kit::serve::{ServeOptions, handler_fn, serve};
use http::{Request, Response};
use http_body_util::Full;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower_service::Service;

use crate::config::{Config, ConfigError};
use crate::dispatcher::Dispatcher;
use crate::own_metrics::OwnMetrics;
use crate::receivers::webhook::WebhookSender;
use crate::silence::{Silence, Silences};
pub use crate::snapshot::SnapshotError;

/// How an Alertmanager is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file; read again on reload.
    pub config_file: PathBuf,
    /// The directory for what survives a restart: silences, and what receivers were told.
    pub storage_path: PathBuf,
    /// The URL under which people reach this program; stands in notifications.
    pub external_url: String,
    /// How long it is remembered what receivers were told.
    pub retention: Duration,
}

/// A running Alertmanager: state, and the handle that the API and the sending loop share.
#[derive(Debug)]
pub struct Alertmanager {
    options: Options,
    started_at: Timestamp,
    dispatcher: Arc<Mutex<Dispatcher>>,
    metrics: OwnMetrics,
    sender: WebhookSender,
    woken: Notify,
}

/// Files of state inside the storage directory.
const SILENCES: &str = "silences.json";
const NOTIFY_LOG: &str = "notify-log.json";
/// How often the notification log is written while the program runs.
const KEEP_LOG_EVERY: Duration = Duration::from_secs(60);

/// Why an Alertmanager could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration was refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was kept before could not be read.
    #[error(transparent)]
    State(#[from] SnapshotError),
    /// The program's own metrics contradict each other.
    #[error(transparent)]
    Metrics(#[from] RegisterError),
    /// The system's certificates could not be read.
    #[error("cannot read the system's certificates")]
    Certificates(#[source] std::io::Error),
}

impl Alertmanager {
    /// Reads the configuration and gets ready.
    ///
    /// # Errors
    /// [`StartError`] names the file.
    pub fn new(options: Options, now: Timestamp) -> Result<Arc<Self>, StartError> {
        let config = Config::load(&options.config_file)?;
        let silences = Silences::restore(snapshot::load(&options.storage_path.join(SILENCES))?);
        let log = snapshot::load(&options.storage_path.join(NOTIFY_LOG))?;
        let dispatcher = Dispatcher::new(Arc::new(config), silences, log, options.retention, now);
        let dispatcher = Arc::new(Mutex::new(dispatcher));
        let sender = WebhookSender::new().map_err(StartError::Certificates)?;
        Ok(Arc::new(Self {
            options,
            started_at: now,
            metrics: OwnMetrics::new(dispatcher.clone())?,
            dispatcher,
            sender,
            woken: Notify::new(),
        }))
    }

    /// The HTTP service: API, health and page.
    pub fn service(
        self: &Arc<Self>,
    ) -> impl Service<Request<Bytes>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static {
        let manager = self.clone();
        handler_fn(move |request: Request<Bytes>| {
            if request.uri().path() == "/metrics" {
                return manager.metrics.endpoint().respond(&request);
            }
            api::handle(&manager, &request, Timestamp::now()).map(Full::new)
        })
    }

    /// Sends what is due until `shutdown` is ready; what is on its way then is given up, and sent again after
    /// the next start because the log does not have it.
    pub async fn run(self: &Arc<Self>, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut keep = tokio::time::interval(KEEP_LOG_EVERY);
        loop {
            let now = Timestamp::now();
            let (notifications, due) = self.dispatcher().tick(now);
            for notification in notifications {
                let manager = self.clone();
                tokio::spawn(async move {
                    manager.metrics.notifications.get(["webhook"]).inc();
                    let sent = manager.sender.send(&notification, &manager.options.external_url).await;
                    if !sent {
                        manager.metrics.failed.get(["webhook"]).inc();
                    }
                    manager.dispatcher().done(&notification, sent);
                    manager.wake();
                });
            }
            let pause = Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO);
            tokio::select! {
                () = &mut shutdown => {
                    self.keep_log();
                    return;
                }
                _ = keep.tick() => self.keep_log(),
                () = self.woken.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Serves and sends until `shutdown` is ready.
    pub async fn serve(self: &Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        self.serve_with(listener, ServeOptions::default(), shutdown).await;
    }

    /// As [`Alertmanager::serve`], with other limits and habits of the port.
    pub async fn serve_with(
        self: &Arc<Self>,
        listener: TcpListener,
        options: ServeOptions,
        shutdown: impl Future<Output = ()>,
    ) {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let until = |mut stopped: tokio::sync::watch::Receiver<bool>| async move {
            // An error means that the sender is gone, which is a stop as well.
            let _ = stopped.wait_for(|s| *s).await;
        };
        tokio::join!(
            serve(listener, self.service(), options, until(stopped.clone())),
            self.run(until(stopped)),
            async {
                shutdown.await;
                stop.send_replace(true);
            }
        );
    }

    /// Reads the configuration file again; on an error the old configuration stays.
    ///
    /// # Errors
    /// [`ConfigError`] names the file and line.
    pub fn reload(&self, now: Timestamp) -> Result<(), ConfigError> {
        let config = Config::load(&self.options.config_file)?;
        self.dispatcher().reload(Arc::new(config), now);
        self.wake();
        Ok(())
    }

    /// Writes the silences down. A failure is logged: they still hold until the program stops.
    fn keep_silences(&self, now: Timestamp) {
        let dispatcher = self.dispatcher();
        let silences: Vec<&Silence> = dispatcher.silences().list(now);
        if let Err(e) = snapshot::save(&self.options.storage_path.join(SILENCES), &silences) {
            tracing::error!(error = %e, cause = ?e.source(), "silences not kept");
        }
    }

    fn keep_log(&self) {
        let log = self.dispatcher().log().clone();
        if let Err(e) = snapshot::save(&self.options.storage_path.join(NOTIFY_LOG), &log) {
            tracing::error!(error = %e, cause = ?e.source(), "notification log not kept");
        }
    }

    /// The state, locked.
    fn dispatcher(&self) -> MutexGuard<'_, Dispatcher> {
        self.dispatcher.lock()
    }

    fn wake(&self) {
        self.woken.notify_one();
    }

    fn started_at(&self) -> Timestamp {
        self.started_at
    }
}
