//! The processes of the pool: how they are started and kept, and how those that wait too long are ended.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use workers_service::CompileLimiter;

use super::idle::{IDLE_TIME, IdleProcesses};
use super::nursery::Nursery;
use super::process::CompilerProcess;
use super::trouble::Trouble;
use super::watch::{Bounds, Watched, watch};
use crate::CompilerOptions;

/// How long a process may take from its start to its first message, on a busy host.
pub(super) const START_PATIENCE: Duration = Duration::from_secs(10);
/// How long a busy process may use no processor time before it counts as standing still. Even where other processes
/// take nearly all, it gets some hundredths of a second in this time.
pub(super) const STILLNESS: Duration = Duration::from_secs(2);

/// The processes of a compiler, and what is needed to start them.
pub(super) struct Pool {
    pub(super) options: CompilerOptions,
    pub(super) limiter: CompileLimiter,
    pub(super) idle: IdleProcesses,
    pub(super) nursery: Nursery,
    pub(super) trouble: Trouble,
    /// The runtime for background work: not the caller's, which may belong to a thread of a web server that ends
    /// earlier.
    pub(super) runtime: Handle,
}

impl Pool {
    /// Starts a process and waits for its first message.
    pub(super) async fn start_process(&self, until: Instant) -> io::Result<CompilerProcess> {
        let late = |problem: String| io::Error::new(io::ErrorKind::TimedOut, problem);
        let child = timeout_at(until, self.nursery.start()).await;
        let child = child.map_err(|_elapsed| late("it was not started in time".to_owned()))??;
        let mut process = CompilerProcess::new(child, self.nursery.clone(), &self.runtime)?;
        let bounds = Bounds { processor_time: START_PATIENCE, stillness: STILLNESS, until };
        let vitals = process.vitals().clone();
        match watch(&vitals, bounds, process.hello()).await {
            Watched::Done(ready) => ready.map(|()| process),
            Watched::Expensive | Watched::Late => Err(late("it says nothing".to_owned())),
            Watched::Still(how) => Err(late(how)),
        }
    }

    /// Keeps a process for the next source.
    pub(super) fn put_by(self: &Arc<Self>, process: CompilerProcess) {
        if self.idle.push(process) {
            self.runtime.spawn(thin_out(Arc::downgrade(self)));
        }
    }
}

/// Ends processes that wait too long, until only one is idle.
async fn thin_out(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(IDLE_TIME).await;
        let Some(pool) = pool.upgrade() else { return };
        let (surplus, again) = pool.idle.take_surplus();
        drop(surplus);
        if !again {
            return;
        }
    }
}
