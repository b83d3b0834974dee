//! The Workers Platform server: reads the configuration, chooses the adapters, wires them, serves, and drains.
//!
//! `workersd serve` runs it, `workersd migrate` brings its database up to date, `workersd backup` copies it, and
//! `workersd doctor` says what the machine has and lacks.

mod backup;
mod capacity;
mod config;
mod doctor;
mod engine;
mod listening;
mod memory;
mod migrate;
mod output;
mod sandboxes;
mod serve;
mod signals;
mod telemetry;
mod vercel_api;

use std::process::ExitCode;

use rustix::fs::Mode;
use rustix::process::Resource;

use crate::config::{Cli, Subcommand};

fn main() -> ExitCode {
    // The engine's launcher and the compiler's processes are this same program; they must be told apart before there is
    // a second thread.
    workers_engine::run_launcher_if_asked();
    workers_compiler::run_compiler_if_asked();
    workers_engine::give_memory_back();
    // All files of ours have their modes in words; this is for those that libraries make.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    raise_open_files_limit();
    let cli = Cli::read();
    let code = run(cli).unwrap_or_else(|error| {
        // Errors that end the program are for the person who started it, not for the log.
        telemetry::say(&format!("workersd: {error:#}"));
        ExitCode::FAILURE
    });
    telemetry::flush();
    code
}

/// Every sandbox and every client takes some descriptors. The usual soft limit is for programs that use `select`;
/// sandboxes have their own.
fn raise_open_files_limit() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is not granted is done without.
    let _ = rustix::process::setrlimit(Resource::Nofile, limit);
}

#[tokio::main]
async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Subcommand::Serve(options) => serve::run(options).await,
        Subcommand::Migrate(options) => migrate::run(options).await.map(output::checked),
        Subcommand::Backup(options) => backup::run(options).await.map(output::checked),
        Subcommand::Doctor(options) => doctor::run(options).await.map(output::checked),
    }
}
