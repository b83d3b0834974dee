//! The Workers Platform server: reads the configuration, chooses the adapters, connects them, serves, and shuts down.
//!
//! `workersd serve` runs the server, `workersd migrate` brings its database up to date, `workersd backup` copies the
//! database, and `workersd doctor` reports what the host has and lacks.

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
    // The engine's launcher and the compiler's processes run this same program. They must branch off here, before there
    // is a second thread.
    workers_engine::run_launcher_if_asked();
    workers_compiler::run_compiler_if_asked();
    workers_engine::give_memory_back();
    // Our own files are created with explicit modes. The mask is for files that libraries create.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    raise_open_files_limit();
    let cli = Cli::read();
    let code = run(cli).unwrap_or_else(|error| {
        // An error that ends the program goes to the person who started it, not to the log.
        telemetry::print_line(&format!("workersd: {error:#}"));
        ExitCode::FAILURE
    });
    telemetry::flush();
    code
}

/// Raises the soft limit of open files to the hard limit, because every sandbox and every client takes some
/// descriptors. The usual soft limit is low for programs that use `select`; sandboxes have limits of their own.
fn raise_open_files_limit() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If the limit cannot be raised, the server runs with the one it has.
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
