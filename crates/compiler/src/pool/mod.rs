//! The pool of compiler processes, on the server's side.
//!
//! A process is either idle or belongs to a [`Seat`](seat::Seat), which holds one of the pool's places. There are at
//! most as many processes as places, and one is left when nothing has been compiled for a while.

mod attempts;
mod death;
mod idle;
mod nursery;
mod process;
mod processes;
mod seat;
mod trouble;
mod vitals;
mod watch;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::time::Instant;
use workers_service::{CompileFailure, CompileLimiter, Compiler, WorkerScript};

use self::idle::IdleProcesses;
use self::nursery::Nursery;
use self::processes::{Pool, START_PATIENCE, STILLNESS};
use self::seat::Seat;
use self::trouble::Trouble;
use self::watch::Bounds;
use crate::hook::hook_was_called;
use crate::{CompilerOptions, CompilerProgram};

/// The source that a check compiles.
const CHECK_SOURCE: &str = "export const f = () => 1";
/// How long a check may take. Two processes that stand still fit into this time.
const CHECK_PATIENCE: Duration = Duration::from_millis(1_500);
/// The same as [`STILLNESS`], for a check.
const CHECK_STILLNESS: Duration = Duration::from_millis(600);

/// Compiles in processes of its own. Cheap to clone; the processes end with the last clone. See the crate's page for an
/// example.
#[derive(Clone)]
pub struct ProcessCompiler {
    pool: Arc<Pool>,
}

/// Why the compiler cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// This program has not called the hook, so as a compiler process it would start itself over and over.
    #[error(
        "this program has not called `workers_compiler::run_compiler_if_asked` at the start of `main`, so it cannot be its own \
         compiler process"
    )]
    HookNotCalled,
    /// The first process did not start.
    #[error("a compiler process cannot be started")]
    Process(#[source] io::Error),
}

impl ProcessCompiler {
    /// Starts the first process. Must be called within a tokio runtime that lives as long as the pool.
    ///
    /// # Errors
    ///
    /// When a process cannot be started, or the program has not called the hook.
    pub async fn start(options: CompilerOptions) -> Result<Self, StartError> {
        if options.program == CompilerProgram::CurrentExe && !hook_was_called() {
            return Err(StartError::HookNotCalled);
        }
        let limiter = CompileLimiter::new(options.processes, options.queue_timeout);
        let nursery = Nursery::open(&options).map_err(StartError::Process)?;
        let (idle, trouble) = (IdleProcesses::default(), Trouble::default());
        let pool = Arc::new(Pool { options, limiter, idle, nursery, trouble, runtime: Handle::current() });
        let first = pool.start_process(Instant::now() + START_PATIENCE).await.map_err(StartError::Process)?;
        pool.put_by(first);
        Ok(Self { pool })
    }
}

#[async_trait]
impl Compiler for ProcessCompiler {
    async fn compile(&self, source: &str) -> Result<WorkerScript, CompileFailure> {
        let place = self.pool.limiter.acquire().await?;
        // Dropped together with this future, wherever that happens.
        let mut seat = Seat::new(Arc::clone(&self.pool), place);
        let CompilerOptions { processor_time, deadline, .. } = self.pool.options;
        let bounds = Bounds { processor_time, stillness: STILLNESS, until: Instant::now() + deadline };
        attempts::compile(&mut seat, source, bounds).await
    }

    async fn check(&self) -> Result<(), CompileFailure> {
        for (process, defect) in self.pool.idle.take_defective() {
            process.discard(defect);
        }
        let Some(place) = self.pool.limiter.try_acquire() else {
            // All processes are busy; the last one that ended determines the result.
            return self.pool.trouble.last_failure().map_or(Ok(()), |cause| Err(CompileFailure::Unavailable(cause)));
        };
        let mut seat = Seat::new(Arc::clone(&self.pool), place);
        let bounds = Bounds {
            processor_time: self.pool.options.processor_time,
            stillness: CHECK_STILLNESS,
            until: Instant::now() + CHECK_PATIENCE,
        };
        attempts::compile(&mut seat, CHECK_SOURCE, bounds).await.map(drop)
    }
}
