//! What the parts of a running server share.

use std::sync::Arc;
use std::time::SystemTime;

use dashboards::Dashboards;
use parking_lot::Mutex;
use scrape_client::StatusWatcher;
use scrape_client::config::Config;
use scrape_client::remote_write::Receiver;
use tokio::sync::mpsc;

use crate::notify::Notifier;
use crate::options::Options;
use crate::queries::Queries;
use crate::rules::Rules;
use crate::store::Store;
use crate::web::OwnMetrics;

/// A server's insides, as its web pages see them.
pub(crate) struct App {
    pub(crate) options: Options,
    /// Path before all paths: empty, or without a slash at its end.
    pub(crate) prefix: String,
    /// Host and port of the external URL.
    pub(crate) external_host: String,
    pub(crate) started: SystemTime,
    pub(crate) store: Arc<Store>,
    pub(crate) queries: Queries,
    pub(crate) rules: Arc<Rules>,
    pub(crate) loaded: Arc<Mutex<Loaded>>,
    pub(crate) watcher: StatusWatcher,
    pub(crate) receiver: Receiver,
    pub(crate) notifier: Notifier,
    pub(crate) own: OwnMetrics,
    pub(crate) dashboards: Dashboards,
    pub(crate) orders: mpsc::Sender<Order>,
}

/// The configuration that is in force.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Arc<Config>,
    /// When it came into force.
    pub(crate) at: SystemTime,
    /// Whether the last attempt to replace it worked.
    pub(crate) last_reload_worked: bool,
}

/// What a request may ask of the whole server.
#[derive(Debug)]
pub(crate) enum Order {
    /// Read the configuration again; the answer is why it was refused.
    Reload(std::sync::mpsc::Sender<Result<(), String>>),
    /// Stop.
    Quit,
}

/// This machine's name.
pub(crate) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
