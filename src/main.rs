//! The binary: allocator, TLS provider, command line, runtime, exit code. Everything else is in the library.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use recording_callback_operator::api::{crd, json_schema};
use recording_callback_operator::command::mark::{self, Mark};
use recording_callback_operator::command::notifications::{serve, verify};
use recording_callback_operator::command::output::print_message;
use recording_callback_operator::command::status::watch;
use recording_callback_operator::command::{
    CommandOutput, completion, doctor, ended, import, orphans, plan, release, status,
};
use recording_callback_operator::config::objects::Output;
use recording_callback_operator::config::{self, Command, EarlyExit, RunConfig, manual};
use recording_callback_operator::live::codes;
use recording_callback_operator::{explain, log, run};
use tikv_jemallocator::Jemalloc;
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    if completion::is_completed() {
        return ExitCode::SUCCESS;
    }
    match config::parse(std::env::args_os()) {
        Ok(Command::Run(config)) => controller(*config),
        Ok(Command::Crd { json_schema: true }) => print(Ok(json_schema::text())),
        Ok(Command::Crd { json_schema: false }) => {
            print(crd::yaml().map_err(|error| error.to_string()))
        }
        Ok(Command::Explain { code }) => print(explain::explain(&code)),
        Ok(Command::Release(args)) => at_cluster(release::run(args)),
        Ok(Command::Status(args)) if args.watch => at_cluster(watch::run(args)),
        Ok(Command::Status(args)) => at_cluster(status::run(args)),
        Ok(Command::Doctor(args)) => at_cluster(doctor::run(args)),
        Ok(Command::Orphans(args)) => at_cluster(orphans::run(args)),
        Ok(Command::Import(args)) => at_cluster(import::run(args)),
        Ok(Command::Plan(args)) => at_cluster(plan::run(args)),
        Ok(Command::Retry(args)) => at_cluster(mark::run(args, Mark::look())),
        Ok(Command::Suspend(args)) => at_cluster(mark::run(args, Mark::Suspend)),
        Ok(Command::Resume(args)) => at_cluster(mark::run(args, Mark::Resume)),
        Ok(Command::VerifyNotification(args)) => at_cluster(async move {
            let judged = verify::run(&args)
                .await
                .map_err(|error| format!("{error:#}"));
            ended(judged, args.print.output)
        }),
        Ok(Command::ServeNotifications(args)) => at_cluster(async move {
            let served = serve::run(args).await.map_err(|error| format!("{error:#}"));
            ended(served, Output::Table)
        }),
        Ok(Command::Completion { shell }) => print(completion::registration(shell)),
        Ok(Command::Man { command }) => print(manual::man(command.as_deref())),
        Err(EarlyExit::Help(text)) => print(Ok(text)),
        Err(EarlyExit::Usage { line, code }) => {
            print_message(&line);
            ExitCode::from(code)
        }
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
    if let Err(error) = result {
        tracing::error!("{error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// A command of a person, on this thread alone.
fn at_cluster(command: impl Future<Output = CommandOutput>) -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = Builder::new_current_thread().enable_all().build();
    let done = runtime.map(|runtime| {
        let done = runtime.block_on(command);
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(CommandOutput { text, exit }) => match print(Ok(text)) {
            ExitCode::SUCCESS => ExitCode::from(exit.code()),
            code => code,
        },
        Err(error) => print(Err::<String, _>(error.to_string())),
    }
}

fn print(result: Result<impl AsRef<[u8]>, String>) -> ExitCode {
    let printed = result.and_then(|text| {
        if text.as_ref().is_empty() {
            // Somebody may hold stdout who waits for a reader.
            return Ok(());
        }
        let mut stdout = std::io::stdout();
        let written = stdout.write_all(text.as_ref());
        match written.and_then(|()| stdout.flush()) {
            // Whoever reads has read enough: | head.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(format!("stdout can't be written: {error}"))
            }
            _ => Ok(()),
        }
    });
    if let Err(text) = printed {
        print_message(&format!("error: {text}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
