//! `pull-alertmanager`: flags, signals, exit status.

use std::path::PathBuf;
use std::process::ExitCode;

use alertmanager::{Alertmanager, Options};
use clap::Parser;
use exporter_kit::serve::{ServeOptions, WebConfig, WebConfigError};
use jiff::Timestamp;
use metrics_core::time::parse_duration;
use tokio::signal::unix::{SignalKind, signal};

/// Takes alerts, groups them, and notifies webhooks.
#[derive(Debug, Parser)]
#[command(name = "pull-alertmanager", version, disable_version_flag = true)]
struct Flags {
    /// Configuration file.
    #[arg(long = "config.file", default_value = "alertmanager.yml")]
    config_file: PathBuf,
    /// Directory for silences and for what receivers were told.
    #[arg(long = "storage.path", default_value = "data/")]
    storage_path: PathBuf,
    /// How long to remember what receivers were told.
    #[arg(long = "data.retention", default_value = "120h", value_parser = parse_duration)]
    retention: std::time::Duration,
    /// Address to listen on.
    #[arg(long = "web.listen-address", default_value = ":9093")]
    listen_address: String,
    /// File that can enable TLS or authentication.
    #[arg(long = "web.config.file")]
    web_config_file: Option<PathBuf>,
    /// URL under which this program is reached from outside; stands in notifications.
    #[arg(long = "web.external-url")]
    external_url: Option<String>,
    /// Print the version and stop.
    #[arg(long = "version", action = clap::ArgAction::Version)]
    _version: Option<bool>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tracing::error!("{e}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), Box<dyn std::error::Error>> {
    let mut serve_options = ServeOptions::default();
    if let Some(file) = flags.web_config_file.filter(|file| !file.as_os_str().is_empty()) {
        let report = |error: &WebConfigError| tracing::error!(%error, "web configuration cannot be used");
        serve_options.web_config = Some(WebConfig::open(file)?.report_errors(report));
    }
    let listener = exporter_kit::serve::bind(&flags.listen_address).await?;
    let external_url = flags.external_url.unwrap_or_else(|| {
        format!("http://{}", listener.local_addr().map_or(flags.listen_address, |a| a.to_string()))
    });
    let options = Options {
        config_file: flags.config_file,
        storage_path: flags.storage_path,
        external_url,
        retention: flags.retention,
    };
    let manager = Alertmanager::new(options, Timestamp::now())?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let (mut hangup, mut terminate) = (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?);
    let reloader = manager.clone();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match reloader.reload(Timestamp::now()) {
                Ok(()) => tracing::info!("configuration reloaded"),
                Err(error) => tracing::error!(%error, "configuration not reloaded"),
            }
        }
    });
    let shutdown = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    manager.serve_with(listener, serve_options, shutdown).await;
    Ok(())
}
