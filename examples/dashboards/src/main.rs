//! `pull-dashboards`: shows a host live in the browser, from any Prometheus-compatible server.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dashboards::{Dashboards, Library, Proxy, alone};
use exporter_kit::serve::{Handlers, ServeOptions, bind, serve, stop_signal};

/// Live dashboards in a browser, from any Prometheus-compatible server.
#[derive(Debug, Parser)]
#[command(name = "pull-dashboards", version)]
struct Flags {
    /// Address on which to show the dashboards.
    #[arg(long = "web.listen-address", default_value = "127.0.0.1:3000")]
    listen_address: String,

    /// Server that answers the queries.
    #[arg(long = "datasource.url", default_value = "http://127.0.0.1:9090")]
    datasource_url: String,

    /// Directory with dashboards in Grafana's JSON, shown beside the built-in one.
    #[arg(long = "dashboards.dir")]
    dashboards_dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), Box<dyn Error>> {
    let mut library = Library::default();
    if let Some(directory) = &flags.dashboards_dir {
        library.add_directory(directory)?;
    }
    let service = alone(Dashboards::default().with_library(library), Proxy::new(&flags.datasource_url)?);
    let listener = bind(&flags.listen_address).await?;
    announce(&format!("dashboards of {} on http://{}/", flags.datasource_url, listener.local_addr()?));
    let mut options = ServeOptions::default();
    options.handlers = Handlers::Async;
    serve(listener, service, options, stop_signal()).await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program tells its user where to look")]
fn announce(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "a program tells its user why it ends")]
fn complain(error: &dyn Error) {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    eprintln!("pull-dashboards: {line}");
}
