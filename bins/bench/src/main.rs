//! Measures the platform beside its peers, all in one run: the same work, the same machine, the same load generator.
//!
//! `./just bench` builds and runs it. Rounds alternate between the targets, so that a noisy minute hits all of them; figures are medians
//! over the rounds. [`run`] goes through the parts, and [`vercel`] through another run, of the way over the cloud's API; how to read what it prints is in `docs/performance.md`.

mod client;
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

use crate::options::Options;

// One thread: what the generator takes is taken from what it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.soak {
        Some(invocations) => run::soak(&options, invocations).await,
        None if options.vercel => vercel::run(options).await,
        None => run::run(options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// With its causes, and without a backtrace: what is to be done stands in its words.
#[expect(clippy::print_stderr, reason = "the program ends with this sentence")]
fn complain(error: &anyhow::Error) {
    eprintln!("workers-bench: {error:#}");
}
