//! The pool of compiler processes, on the server's side.
//!
//! A process is either idle or in use by a [`Slot`](slot::Slot), which holds one of the pool's permits. There are at
//! most as many processes as permits, and one is left when nothing has been compiled for a while.

mod attempts;
mod exit_cause;
mod idle;
mod outage_log;
mod proc_stat;
mod process;
mod processes;
mod slot;
mod spawner;
mod watch;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::time::Instant;
use workers_service::{CompileFailure, CompileLimiter, Compiler, WorkerScript};

use self::idle::IdleProcesses;
use self::outage_log::OutageLog;
use self::processes::{Pool, STALL_TIMEOUT, START_PATIENCE};
use self::slot::Slot;
use self::spawner::Spawner;
use self::watch::Bounds;
use crate::hook::hook_was_called;
use crate::{CompilerOptions, CompilerProgram};

/// The source that a check compiles.
const CHECK_SOURCE: &str = "export const f = () => 1";
/// How long a check may take. Two processes that stall fit into this time.
const CHECK_PATIENCE: Duration = Duration::from_millis(1_500);
/// The same as [`STALL_TIMEOUT`], for a check.
const CHECK_STALL_TIMEOUT: Duration = Duration::from_millis(600);

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
        // Such a process would be a second server, which starts a compiler in turn, and so on.
        if options.program == CompilerProgram::CurrentExe && !hook_was_called() {
            return Err(StartError::HookNotCalled);
        }
        let limiter = CompileLimiter::new(options.processes, options.queue_timeout);
        let spawner = Spawner::open(&options).map_err(StartError::Process)?;
        let (idle, outage_log) = (IdleProcesses::default(), OutageLog::default());
        let pool = Arc::new(Pool { options, limiter, idle, spawner, outage_log, runtime: Handle::current() });
        let first = pool.start_process(Instant::now() + START_PATIENCE).await.map_err(StartError::Process)?;
        pool.return_idle(first);
        Ok(Self { pool })
    }
}

#[async_trait]
impl Compiler for ProcessCompiler {
    async fn compile(&self, source: &str) -> Result<WorkerScript, CompileFailure> {
        let permit = self.pool.limiter.acquire().await?;
        // Dropped together with this future, wherever that happens.
        let mut slot = Slot::new(Arc::clone(&self.pool), permit);
        let CompilerOptions { processor_time, deadline, .. } = self.pool.options;
        let bounds = Bounds { processor_time, stall_timeout: STALL_TIMEOUT, until: Instant::now() + deadline };
        attempts::compile(&mut slot, source, bounds).await
    }

    async fn check(&self) -> Result<(), CompileFailure> {
        for (process, defect) in self.pool.idle.take_defective() {
            process.discard(defect);
        }
        // A check must not wait behind compilations: `/readyz` would report a fault of a server that is only busy.
        let Some(permit) = self.pool.limiter.try_acquire() else {
            // All processes are busy; the last one that ended determines the result.
            return self.pool.outage_log.last_failure().map_or(Ok(()), |cause| Err(CompileFailure::Unavailable(cause)));
        };
        let mut slot = Slot::new(Arc::clone(&self.pool), permit);
        let bounds = Bounds {
            processor_time: self.pool.options.processor_time,
            stall_timeout: CHECK_STALL_TIMEOUT,
            until: Instant::now() + CHECK_PATIENCE,
        };
        attempts::compile(&mut slot, CHECK_SOURCE, bounds).await.map(drop)
    }
}
