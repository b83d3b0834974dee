//! Measures the platform beside its peers, all in one run: the same work, the same host, the same load generator.
//!
//! `./just bench` builds and runs it. Rounds alternate between the targets, so that a noisy minute affects all of them;
//! figures are medians over the rounds. [`run`] goes through the parts. [`vercel`] does another run, which measures
//! access through the cloud's API. `docs/performance.md` explains how to read the output.

mod client;
mod embedded;
mod load;
mod machine;
mod measure;
mod options;
mod peers;
mod platform;
mod proc;
mod process;
mod report;
mod run;
mod stats;
mod target;
mod vercel;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Builder;

use crate::options::Options;

fn main() -> ExitCode {
    // A program that embeds the engine also runs as its launcher.
    workers_engine::run_launcher_if_asked();
    let done = match embedded::requested() {
        Some((data, node)) => block_on(&mut Builder::new_multi_thread(), embedded::serve(data, node)),
        // One thread: the generator shares the processors with what it measures.
        None => block_on(&mut Builder::new_current_thread(), measure(Options::parse())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn block_on(runtime: &mut Builder, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    runtime.enable_all().build()?.block_on(work)
}

async fn measure(options: Options) -> anyhow::Result<()> {
    match options.soak {
        Some(invocations) => run::soak(&options, invocations).await,
        None if options.vercel => vercel::run(options).await,
        None => run::run(options).await,
    }
}

/// Prints the error with its causes, without a backtrace: its words say what to do.
#[expect(clippy::print_stderr, reason = "the program ends with this sentence")]
fn complain(error: &anyhow::Error) {
    eprintln!("workers-bench: {error:#}");
}
