//! The processes of the pool: how they are started and kept, and how those that wait too long are ended.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use workers_service::CompileLimiter;

use super::idle::{IDLE_TIME, IdleProcesses};
use super::outage_log::OutageLog;
use super::process::CompilerProcess;
use super::spawner::Spawner;
use super::watch::{Bounds, WatchOutcome, watch};
use crate::CompilerOptions;

/// How long a process may take from its start to its first message, on a busy host.
pub(super) const START_PATIENCE: Duration = Duration::from_secs(10);
/// How long a busy process may use no processor time before it counts as stalled. Even where other processes take
/// nearly all, it gets some hundredths of a second in this time.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The processes of a compiler, and what is needed to start them.
pub(super) struct Pool {
    pub(super) options: CompilerOptions,
    pub(super) limiter: CompileLimiter,
    pub(super) idle: IdleProcesses,
    pub(super) spawner: Spawner,
    pub(super) outage_log: OutageLog,
    /// The runtime for background work: not the caller's, which may belong to a thread of a web server that ends
    /// earlier.
    pub(super) runtime: Handle,
}

impl Pool {
    /// Starts a process and waits for its first message.
    pub(super) async fn start_process(&self, until: Instant) -> io::Result<CompilerProcess> {
        let late = |problem: String| io::Error::new(io::ErrorKind::TimedOut, problem);
        let child = timeout_at(until, self.spawner.start()).await;
        let child = child.map_err(|_elapsed| late("it was not started in time".to_owned()))??;
        // Each process has a handle of the spawner, so its thread outlives all processes that it must reap.
        let mut process = CompilerProcess::new(child, self.spawner.clone(), &self.runtime)?;
        let bounds = Bounds { processor_time: START_PATIENCE, stall_timeout: STALL_TIMEOUT, until };
        let proc_stat = process.proc_stat().clone();
        match watch(&proc_stat, bounds, process.hello()).await {
            WatchOutcome::Done(ready) => ready.map(|()| process),
            WatchOutcome::OverProcessorTime | WatchOutcome::DeadlinePassed => Err(late("it sends nothing".to_owned())),
            WatchOutcome::Stalled(how) => Err(late(how)),
        }
    }

    /// Keeps a process for the next source.
    pub(super) fn return_idle(self: &Arc<Self>, process: CompilerProcess) {
        if self.idle.push(process) {
            self.runtime.spawn(end_surplus(Arc::downgrade(self)));
        }
    }
}

/// Ends processes that wait too long, until only one is idle.
async fn end_surplus(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(IDLE_TIME).await;
        // The pool ends with its last user, and its processes with it; this task must not keep it while it sleeps.
        let Some(pool) = pool.upgrade() else { return };
        let (surplus, again) = pool.idle.take_surplus();
        drop(surplus);
        if !again {
            return;
        }
    }
}
