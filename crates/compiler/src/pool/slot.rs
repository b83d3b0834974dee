//! A permit to compile, and the process that compiles with it.

use std::io;
use std::sync::{Arc, Weak};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::exit_cause::ExitCause;
use super::outage_log::OutageLog;
use super::process::CompilerProcess;
use super::processes::{Pool, START_PATIENCE};

/// One of the pool's permits, and the process that it is used with. If the slot is dropped while it has a process, the
/// process has not finished its work: it is killed, and the permit is released.
pub(super) struct Slot {
    pool: Arc<Pool>,
    process: Option<CompilerProcess>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Slot {
    pub(super) fn new(pool: Arc<Pool>, permit: OwnedSemaphorePermit) -> Self {
        Self { pool, process: None, permit: Some(permit) }
    }

    /// Takes a process: an idle one, or a new one, which must be ready before `until`.
    pub(super) async fn take_process(&mut self, until: Instant) -> io::Result<&mut CompilerProcess> {
        // Several may be of no use: for example, all idle processes were stopped or killed at the same time.
        let mut found = None;
        while found.is_none()
            && let Some(mut idle) = self.pool.idle.pop()
        {
            match idle.defect() {
                None => found = Some(idle),
                Some(defect) => idle.discard(defect),
            }
        }
        let process = match found {
            Some(process) => process,
            None => self.pool.start_process(until).await?,
        };
        Ok(self.process.insert(process))
    }

    /// Returns the record of the platform's own failures.
    pub(super) fn outage_log(&self) -> &OutageLog {
        &self.pool.outage_log
    }

    /// Returns the process, which has finished its work, to the idle ones.
    pub(super) fn return_process(&mut self) {
        if let Some(process) = self.process.take() {
            self.pool.return_idle(process);
        }
    }

    /// Kills the process, which cannot be used any more.
    pub(super) fn kill_process(&mut self) {
        drop(self.process.take());
    }

    /// Hands a process that exited unexpectedly over to be reaped. The receiver gets the cause as soon as it is
    /// determined; `None` if there is no process.
    pub(super) fn reap_crashed(&mut self, error: io::Error) -> Option<oneshot::Receiver<ExitCause>> {
        self.process.take().map(|process| process.reap_crashed(error))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.kill_process();
        if self.pool.idle.is_empty() {
            // Start one process ahead, so that the next source finds one. It holds the permit until it is ready, so
            // that there are never more processes than permits.
            let (pool, permit) = (Arc::downgrade(&self.pool), self.permit.take());
            self.pool.runtime.spawn(start_ahead(pool, permit));
        }
    }
}

/// Starts a process in advance. If that fails, the next source starts one, and its compilation reports the failure.
async fn start_ahead(pool: Weak<Pool>, permit: Option<OwnedSemaphorePermit>) {
    if let Some(pool) = pool.upgrade() {
        match pool.start_process(Instant::now() + START_PATIENCE).await {
            Ok(process) => pool.return_idle(process),
            Err(error) => pool.outage_log.process_failed(&format!("a compiler process cannot be started: {error}")),
        }
    }
    drop(permit);
}
