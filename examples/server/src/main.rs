//! `pull-server`: flags, log, exit status.

use std::process::ExitCode;

use server::log::{self, Format};
use server::{Server, flags};

fn main() -> ExitCode {
    let matches = flags::command().get_matches();
    let text = |flag: &str| matches.get_one::<String>(flag).cloned().unwrap_or_default();
    let format = if text("log.format") == "json" { Format::Json } else { Format::Logfmt };
    log::start(&text("log.level"), format);
    let options = match flags::options(&matches) {
        Ok(options) => options,
        Err(error) => return fail(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let outcome = runtime.block_on(async {
        let server = Server::start(options).await?;
        server.run(exporter_kit::serve::stop_signal()).await;
        Ok::<_, server::Error>(())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

#[expect(clippy::print_stderr, reason = "a program tells its user why it ends")]
fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    eprintln!("pull-server: {}", server::line(error));
    ExitCode::FAILURE
}
