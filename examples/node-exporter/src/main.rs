//! `node-exporter`: exposes this host's hardware and kernel metrics, as `node_exporter` does.

use std::error::Error;
use std::process::ExitCode;

use exporter_kit::serve::{ServeOptions, WebConfig, WebConfigError, bind, serve, stop_signal};
use node_exporter::{Flags, LogFormat, command, handler};

fn main() -> ExitCode {
    let flags = match Flags::from_matches(&command().get_matches()) {
        Ok(flags) => flags,
        Err(error) => return fail(&error),
    };
    log_to_stderr(&flags);
    // One thread, as the original: an exporter is asked every few seconds and should be the least of its host's work.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(flags))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

async fn run(flags: Flags) -> Result<(), Box<dyn Error>> {
    let service = handler(flags.options)?;
    let mut options = ServeOptions::default();
    if let Some(file) = flags.web_config_file {
        let report = |error: &WebConfigError| {
            tracing::error!(reason = line(error), "cannot use the web configuration")
        };
        options.web_config = Some(WebConfig::open(file)?.report_errors(report));
    }
    let mut servers = Vec::new();
    for address in &flags.listen_addresses {
        let listener = bind(address).await?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        servers.push(tokio::spawn(serve(listener, service.clone(), options.clone(), stop_signal())));
    }
    for server in servers {
        server.await?;
    }
    Ok(())
}

fn log_to_stderr(flags: &Flags) {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(&flags.log_level);
    match flags.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

#[expect(clippy::print_stderr, reason = "a program tells its user why it ends")]
fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("node-exporter: {}", line(error));
    ExitCode::FAILURE
}

/// An error and its causes.
fn line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}
