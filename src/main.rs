//! The binary: allocator, TLS provider, command line, runtime, exit code. Everything else is in the library.

use std::io::Write as _;
use std::process::ExitCode;

use recording_callback_operator::api::crd;
use recording_callback_operator::config::{self, Command, Early, RunConfig};
use recording_callback_operator::live::codes;
use recording_callback_operator::{explain, log, run};
use tikv_jemallocator::Jemalloc;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match config::parse(std::env::args_os()) {
        Ok(Command::Run(config)) => controller(*config),
        Ok(Command::Crd) => match crd::yaml() {
            Ok(yaml) => print(&yaml),
            Err(error) => fail(1, &format!("error: cannot write the CRD: {error}")),
        },
        Ok(Command::Explain { code }) => match explain::explain(&code) {
            Some(text) => print(&text),
            None => fail(
                1,
                &format!(
                    "error: {code:?} is neither an error code nor a reason: they look like LIVE.100011001 and Conflict"
                ),
            ),
        },
        Err(Early::Told(text)) => print(&text),
        Err(Early::Mistake(line)) => fail(2, &line),
    }
}

fn controller(config: RunConfig) -> ExitCode {
    log::init(config.log_format, &config.log_level);
    // Two clients use TLS, and neither may choose the provider. An error means that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let result = Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let result = runtime.block_on(run::run(config, codes::label));
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that closed the pipe has seen enough.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(code: u8, line: &str) -> ExitCode {
    eprintln!("{line}");
    ExitCode::from(code)
}
