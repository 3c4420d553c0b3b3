//! Everything in one process, wired as the field wires its programs: the node exporter is scraped over HTTP, the
//! server stores and evaluates, alerts travel to the Alertmanager over HTTP, dashboards ask `/api/v1`.
//!
//! Nothing here but configuration and order of start: the parts are the programs' own libraries.
#![forbid(unsafe_code)]

use std::fs;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alertmanager::Alertmanager;
use exporter_kit::serve::{BindError, ServeOptions, bind, serve};
use jiff::Timestamp;
use server::Server;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const PROMETHEUS: &str = include_str!("../config/prometheus.yml");
const RULES: &str = include_str!("../config/host.rules.yml");
const ALERTMANAGER: &str = include_str!("../config/alertmanager.yml");

/// How the stack is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where all state is kept.
    pub data_dir: PathBuf,
    /// A `prometheus.yml` in place of the built-in one.
    pub config_file: Option<PathBuf>,
    /// An `alertmanager.yml` in place of the built-in one.
    pub alertmanager_config_file: Option<PathBuf>,
    /// Where server and dashboards listen.
    pub server_address: String,
    /// Where the node exporter listens.
    pub node_address: String,
    /// Where the Alertmanager listens.
    pub alertmanager_address: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data_dir: "./pullstack-data".into(),
            config_file: None,
            alertmanager_config_file: None,
            server_address: "127.0.0.1:9090".to_owned(),
            node_address: "127.0.0.1:9100".to_owned(),
            alertmanager_address: "127.0.0.1:9093".to_owned(),
        }
    }
}

/// Why the stack could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A port could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A port's own address is unknown.
    #[error("cannot tell where a port listens")]
    Address(#[from] io::Error),
    /// The built-in configuration could not be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The node exporter could not start.
    #[error(transparent)]
    Node(#[from] exporter_kit::node::NodeError),
    /// The Alertmanager could not start.
    #[error(transparent)]
    Alertmanager(#[from] alertmanager::StartError),
    /// The server could not start.
    #[error(transparent)]
    Server(#[from] server::Error),
}

/// The stack, running.
#[derive(Debug)]
pub struct Stack {
    server: Server,
    node: SocketAddr,
    alertmanager: SocketAddr,
    stop: watch::Sender<bool>,
    parts: Vec<JoinHandle<()>>,
}

impl Stack {
    /// Starts exporter, Alertmanager and server, in the order in which they are needed.
    ///
    /// # Errors
    /// [`Error`] names the port or file.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let (stop, stopping) = watch::channel(false);
        let mut parts = Vec::new();

        let listener = bind(&options.node_address).await?;
        let node = listener.local_addr()?;
        let exporter = node_exporter::handler(node_exporter::Options::default())?;
        let until = stopped(stopping.clone());
        parts.push(tokio::spawn(async move {
            serve(listener, exporter, ServeOptions::default(), until).await;
        }));

        let listener = bind(&options.alertmanager_address).await?;
        let alertmanager = listener.local_addr()?;
        let config_file = match &options.alertmanager_config_file {
            Some(path) => path.clone(),
            None => write(&options.data_dir, "alertmanager.yml", ALERTMANAGER)?,
        };
        let manager = Alertmanager::new(
            alertmanager::Options {
                config_file,
                storage_path: options.data_dir.join("alertmanager"),
                external_url: format!("http://{alertmanager}"),
                retention: Duration::from_secs(120 * 3600),
            },
            Timestamp::now(),
        )?;
        let until = stopped(stopping);
        parts.push(tokio::spawn(async move { manager.serve(listener, until).await }));

        let config_file = match &options.config_file {
            Some(path) => path.clone(),
            None => own_config(&options, node, alertmanager)?,
        };
        let server = Server::start(server::Options {
            config_file,
            data_dir: options.data_dir.join("tsdb"),
            listen_addresses: vec![options.server_address],
            lifecycle: true,
            remote_write_receiver: true,
            home_page: "/dashboards/".to_owned(),
            ..server::Options::default()
        })
        .await?;
        Ok(Self { server, node, alertmanager, stop, parts })
    }

    /// Where server and dashboards listen.
    pub fn server_addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// Where the node exporter listens.
    pub fn node_address(&self) -> SocketAddr {
        self.node
    }

    /// Where the Alertmanager listens.
    pub fn alertmanager_address(&self) -> SocketAddr {
        self.alertmanager
    }

    /// Runs until `shutdown` is ready, then stops in the opposite order: alerts that wait still find the
    /// Alertmanager.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        self.server.run(shutdown).await;
        self.stop.send_replace(true);
        for part in self.parts {
            // A part that panicked has said so.
            let _ = part.await;
        }
    }
}

/// Ready when the stack stops.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that the stack is gone, which is a stop as well.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Writes the built-in configuration for the ports in use.
fn own_config(options: &Options, node: SocketAddr, alertmanager: SocketAddr) -> Result<PathBuf, Error> {
    write(&options.data_dir, "host.rules.yml", RULES)?;
    let text = PROMETHEUS
        .replace("127.0.0.1:9100", &node.to_string())
        .replace("127.0.0.1:9093", &alertmanager.to_string())
        .replace("127.0.0.1:9090", &options.server_address);
    write(&options.data_dir, "prometheus.yml", &text)
}

fn write(dir: &Path, name: &str, text: &str) -> Result<PathBuf, Error> {
    let path = dir.join(name);
    let failed = |source| Error::Write { path: path.clone(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    fs::write(&path, text).map_err(failed)?;
    Ok(path)
}
