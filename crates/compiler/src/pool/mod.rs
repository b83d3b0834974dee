//! The pool of compiler processes, seen from the server.
//!
//! A process is either idle or belongs to a [`Seat`](seat::Seat), which holds one of the pool's places. There are as many processes
//! as places at most, and one is left when nothing has been compiled for a while.

mod idle;
mod nursery;
mod process;
mod seat;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use workers_service::{CompileFailure, Compiler, CompilerPlaces, TooExpensive, TranspileOutput, WorkerScript};

use self::idle::IdleProcesses;
use self::nursery::Nursery;
use self::process::CompilerProcess;
use self::seat::Seat;
use crate::hook::hook_was_called;
use crate::wire::{Answer, Verdict};
use crate::{CompilerOptions, CompilerProgram};

/// How long a process may take from its start to its first word, on a machine that is busy.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// Processes that may die of one source before it is to blame: one can be killed by somebody, or by the kernel for another's memory.
const ATTEMPTS: usize = 2;

/// Compiles in processes of its own. Cheap to clone; the processes end with the last clone. See the crate's page for an example.
#[derive(Clone)]
pub struct ProcessCompiler {
    pool: Arc<Pool>,
}

/// Why there is no compiler.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// This program would not know what it was started for, and start itself over and over.
    #[error(
        "this program has not called `workers_compiler::run_compiler_if_asked` at the start of `main`, so it cannot be its own \
         compiler process"
    )]
    HookNotCalled,
    /// The first process did not start.
    #[error("a compiler process cannot be started")]
    Process(#[source] io::Error),
}

struct Pool {
    options: CompilerOptions,
    places: CompilerPlaces,
    idle: IdleProcesses,
    nursery: Nursery,
    /// Where background work runs: not on the runtime of whoever calls, which may be a web server's thread that ends sooner.
    runtime: Handle,
}

impl ProcessCompiler {
    /// Starts the first process. Must be called within a tokio runtime that lives as long as the pool.
    ///
    /// # Errors
    ///
    /// When a process cannot be started, or would not know what for.
    pub async fn start(options: CompilerOptions) -> Result<Self, StartError> {
        if options.program == CompilerProgram::CurrentExe && !hook_was_called() {
            return Err(StartError::HookNotCalled);
        }
        let places = CompilerPlaces::new(options.processes, options.queue_timeout);
        let nursery = Nursery::open(&options).map_err(StartError::Process)?;
        let pool =
            Arc::new(Pool { options, places, idle: IdleProcesses::default(), nursery, runtime: Handle::current() });
        let first = pool.start_process().await.map_err(StartError::Process)?;
        pool.put_by(first);
        Ok(Self { pool })
    }
}

#[async_trait]
impl Compiler for ProcessCompiler {
    async fn compile(&self, source: &str) -> Result<TranspileOutput, CompileFailure> {
        let place = self.pool.places.enter().await?;
        // Dropped with this future, wherever that is.
        let mut seat = Seat::new(Arc::clone(&self.pool), place);
        let deadline = Instant::now() + self.pool.options.deadline;
        for _ in 0..ATTEMPTS {
            let process = seat.occupy().await.map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "a compiler process cannot be started");
                CompileFailure::Failed(format!("a compiler process cannot be started: {error}"))
            })?;
            match timeout_at(deadline, process.compile(source)).await {
                Ok(Ok((answer, script))) => {
                    if answer.stays {
                        seat.vacate();
                    }
                    return understand(answer, script);
                }
                Ok(Err(error)) => seat.bury_dead(error),
                Err(_elapsed) => {
                    tracing::warn!(source.bytes = source.len(), "a compilation took too long and was killed");
                    return Err(CompileFailure::TooExpensive(TooExpensive::Time));
                }
            }
        }
        Err(CompileFailure::TooExpensive(TooExpensive::Crash))
    }
}

fn understand(answer: Answer, script: Vec<u8>) -> Result<TranspileOutput, CompileFailure> {
    if let Some(panic) = answer.panic {
        tracing::error!(panic, "the compiler panicked; this is a bug");
    }
    match answer.verdict {
        Verdict::Script { functions } => {
            let code = String::from_utf8(script).map_err(|error| CompileFailure::Failed(error.to_string()))?;
            Ok(WorkerScript { code, functions }.into())
        }
        Verdict::Diagnostics(diagnostics) => {
            Ok(diagnostics.into_iter().map(|diagnostic| diagnostic.0).collect::<Vec<_>>().into())
        }
        Verdict::TooLarge => {
            tracing::warn!("a compilation took too much memory and was ended");
            Err(CompileFailure::TooExpensive(TooExpensive::Memory))
        }
    }
}

impl Pool {
    /// Starts a process and hears its first word.
    async fn start_process(&self) -> io::Result<CompilerProcess> {
        let child = self.nursery.start().await?;
        let mut process = CompilerProcess::new(child, self.nursery.clone(), &self.runtime)?;
        match tokio::time::timeout(START_PATIENCE, process.hello()).await {
            Ok(ready) => ready.map(|()| process),
            Err(_elapsed) => Err(io::Error::new(io::ErrorKind::TimedOut, "it says nothing")),
        }
    }

    /// Keeps a process for the next source.
    fn put_by(self: &Arc<Self>, process: CompilerProcess) {
        if self.idle.push(process) {
            self.runtime.spawn(idle::thin_out(Arc::downgrade(self)));
        }
    }
}
