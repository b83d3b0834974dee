//! Compiles one source, with as many processes as that takes.
//!
//! A source is refused only on evidence: processor time that it has used, memory that it has filled, processes that it
//! has crashed. Any other failure is the platform's own, and another process tries, as long as there is time.

use std::time::Duration;

use tokio::time::Instant;
use workers_service::{CompileFailure, Rejection, TooExpensive, WorkerScript};

use super::exit_cause::ExitCause;
use super::slot::Slot;
use super::watch::{Bounds, WatchOutcome, watch};
use crate::wire::{Response, Verdict};

/// Number of processes that one source may crash before it is refused: faulty memory crashes one now and then.
const CRASHES: u32 = 2;
/// Number of processes that may fail for the platform's own reasons.
const FAILURES: u32 = 5;
/// The pause after the first of these failures, doubled each time: threads and descriptors that ran out may become
/// free.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long a process that has closed its pipes may take to exit.
const EXIT_PATIENCE: Duration = Duration::from_secs(1);

/// The result of one process.
enum Outcome {
    Compiled(WorkerScript),
    /// The source has errors.
    Rejected(Rejection),
    /// The source takes too much time or memory.
    TooExpensive(TooExpensive),
    /// The process crashed, possibly because of the source.
    Crashed,
    /// There is no evidence against the source.
    Failed(String),
    /// A process sent an invalid response, or the compiler failed because of a bug.
    Invalid(String),
}

/// Compiles a source with the slot's process, or with another one if that fails.
pub(super) async fn compile(slot: &mut Slot, source: &str, bounds: Bounds) -> Result<WorkerScript, CompileFailure> {
    let (mut crashes, mut failures, mut pause) = (0, 0, FIRST_PAUSE);
    loop {
        let outcome = attempt(slot, source, bounds).await;
        let outage_log = slot.outage_log();
        match outcome {
            Outcome::Compiled(script) => {
                outage_log.works();
                return Ok(script);
            }
            Outcome::Rejected(rejection) => {
                // A refusal shows too that processes start and compile.
                outage_log.works();
                return Err(CompileFailure::Rejected(rejection));
            }
            Outcome::TooExpensive(too_expensive) => {
                outage_log.works();
                return Err(CompileFailure::TooExpensive(too_expensive));
            }
            Outcome::Invalid(problem) => return Err(CompileFailure::Failed(problem)),
            // No pause before the next attempt: nothing ran out that could become free.
            Outcome::Crashed => {
                crashes += 1;
                if crashes == CRASHES {
                    return Err(CompileFailure::TooExpensive(TooExpensive::Crash));
                }
            }
            Outcome::Failed(cause) => {
                outage_log.process_failed(&cause);
                failures += 1;
                // A pause that ends after the deadline leaves no time for another attempt.
                if failures == FAILURES || Instant::now() + pause >= bounds.until {
                    outage_log.gave_up(&cause);
                    return Err(CompileFailure::Unavailable(cause));
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }
}

async fn attempt(slot: &mut Slot, source: &str, bounds: Bounds) -> Outcome {
    let process = match slot.take_process(bounds.until).await {
        Ok(process) => process,
        Err(error) => return Outcome::Failed(format!("a compiler process cannot be started: {error}")),
    };
    // A copy, because the compilation borrows the process while it is watched.
    let (id, proc_stat) = (process.id(), process.proc_stat().clone());
    match watch(&proc_stat, bounds, process.compile(source)).await {
        WatchOutcome::Done(Ok((response, script))) => {
            if response.stays {
                slot.return_process();
            } else {
                slot.kill_process();
            }
            interpret(response, script)
        }
        WatchOutcome::Done(Err(error)) => exited(slot, error).await,
        WatchOutcome::OverProcessorTime => {
            slot.kill_process();
            tracing::warn!(source.bytes = source.len(), "a compilation took too long and was killed");
            Outcome::TooExpensive(TooExpensive::Time)
        }
        WatchOutcome::Stalled(how) => {
            slot.kill_process();
            tracing::warn!(process.id = id, cause = how, "a compiler process has stalled and is replaced");
            Outcome::Failed(format!("a compiler process has stalled: {how}"))
        }
        WatchOutcome::DeadlinePassed => {
            slot.kill_process();
            Outcome::Failed(
                "a compiler process got too little processor time to be done before the deadline".to_owned(),
            )
        }
    }
}

async fn exited(slot: &mut Slot, error: std::io::Error) -> Outcome {
    let cause = format!("a compiler process died: {error}");
    let received = match slot.reap_crashed(error) {
        Some(cause) => tokio::time::timeout(EXIT_PATIENCE, cause).await,
        None => return Outcome::Failed(cause),
    };
    match received {
        Ok(Ok(ExitCause::Source)) => Outcome::Crashed,
        Ok(Ok(ExitCause::Memory)) => Outcome::TooExpensive(TooExpensive::Memory),
        // A cause that is not known in time is no evidence against the source either.
        Ok(Ok(ExitCause::Unknown) | Err(_)) | Err(_) => Outcome::Failed(cause),
    }
}

fn interpret(response: Response, script: Vec<u8>) -> Outcome {
    if let Some(panic) = response.panic {
        tracing::error!(panic, "the compiler panicked; this is a bug");
    }
    match response.verdict {
        Verdict::Script { functions } => match String::from_utf8(script) {
            Ok(code) => Outcome::Compiled(WorkerScript { code, functions }),
            Err(error) => Outcome::Invalid(error.to_string()),
        },
        Verdict::Diagnostics(diagnostics) => {
            let rejection = Rejection::new(diagnostics.into_iter().map(|diagnostic| diagnostic.0).collect());
            let nothing = || Outcome::Invalid("a rejection without a mistake".to_owned());
            rejection.map_or_else(nothing, Outcome::Rejected)
        }
        Verdict::TooLarge => {
            tracing::warn!("a compilation took too much memory and was ended");
            Outcome::TooExpensive(TooExpensive::Memory)
        }
        Verdict::OutOfResources(problem) => Outcome::Failed(problem),
        Verdict::Internal(problem) => Outcome::Invalid(problem),
    }
}
