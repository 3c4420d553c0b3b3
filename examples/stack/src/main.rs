//! `pullstack`: flags, what to look at, exit status.
#![allow(clippy::print_stderr, reason = "a program talks to its user")]

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use stack::{Error, Options, Stack};

/// Watches this host: exporter, scraper, database, alerts and dashboards in one process.
#[derive(Debug, Parser)]
#[command(name = "pullstack", version)]
struct Flags {
    /// Where samples and state are kept.
    #[arg(long = "data.dir", default_value = "./pullstack-data")]
    data_dir: PathBuf,
    /// A prometheus.yml in place of the built-in one, which is written into the data directory.
    #[arg(long = "config.file")]
    config_file: Option<PathBuf>,
    /// An alertmanager.yml in place of the built-in one.
    #[arg(long = "alertmanager.config.file")]
    alertmanager_config_file: Option<PathBuf>,
    /// Where server and dashboards listen.
    #[arg(long = "web.listen-address", default_value = "127.0.0.1:9090")]
    server_address: String,
    /// Where the node exporter listens.
    #[arg(long = "node.listen-address", default_value = "127.0.0.1:9100")]
    node_address: String,
    /// Where the Alertmanager listens.
    #[arg(long = "alertmanager.listen-address", default_value = "127.0.0.1:9093")]
    alertmanager_address: String,
    /// Least important messages to log: debug, info, warn or error.
    #[arg(long = "log.level", default_value = "warn")]
    log_level: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    server::log::start(&flags.log_level, server::log::Format::Logfmt);
    let options = Options {
        data_dir: flags.data_dir,
        config_file: flags.config_file,
        alertmanager_config_file: flags.alertmanager_config_file,
        server_address: flags.server_address,
        node_address: flags.node_address,
        alertmanager_address: flags.alertmanager_address,
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pullstack: {}", server::line(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Error> {
    let data_dir = options.data_dir.clone();
    let stack = Stack::start(options).await?;
    let mut said = String::new();
    for address in stack.server_addresses() {
        said += &format!("dashboards of this host   http://{address}/\n");
        said += &format!("queries, targets, rules   http://{address}/query\n");
    }
    said += &format!("alerts                    http://{}/\n", stack.alertmanager_address());
    said += &format!("this host's metrics       http://{}/metrics\n", stack.node_address());
    said += &format!("kept in                   {}\nstop with Ctrl-C\n", data_dir.display());
    // A closed standard output is no reason to stop watching the host.
    let _ = io::stdout().write_all(said.as_bytes());
    stack.run(exporter_kit::serve::stop_signal()).await;
    Ok(())
}
