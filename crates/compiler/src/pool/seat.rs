//! A place in the pool, and the process that works there.

use std::io;
use std::sync::{Arc, Weak};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::death::Cause;
use super::process::CompilerProcess;
use super::processes::{Pool, START_PATIENCE};
use super::trouble::Trouble;

/// A place in the pool. If the seat is dropped while a process sits there, the process has not finished its work: it is
/// killed, and the place becomes free.
pub(super) struct Seat {
    pool: Arc<Pool>,
    process: Option<CompilerProcess>,
    place: Option<OwnedSemaphorePermit>,
}

impl Seat {
    pub(super) fn new(pool: Arc<Pool>, place: OwnedSemaphorePermit) -> Self {
        Self { pool, process: None, place: Some(place) }
    }

    /// Puts a process on the seat: an idle one, or a new one, which must be ready before `until`.
    pub(super) async fn occupy(&mut self, until: Instant) -> io::Result<&mut CompilerProcess> {
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
    pub(super) fn trouble(&self) -> &Trouble {
        &self.pool.trouble
    }

    /// Puts the process, which has finished its work, back among the idle ones.
    pub(super) fn vacate(&mut self) {
        if let Some(process) = self.process.take() {
            self.pool.put_by(process);
        }
    }

    /// Kills the process, which cannot be used any more.
    pub(super) fn dismiss(&mut self) {
        drop(self.process.take());
    }

    /// Buries a process that has died. The receiver gets the cause of death as soon as it is determined; `None` if
    /// there is no process.
    pub(super) fn bury_dead(&mut self, error: io::Error) -> Option<oneshot::Receiver<Cause>> {
        self.process.take().map(|process| process.bury_dead(error))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.dismiss();
        if self.pool.idle.is_empty() {
            // Start one process ahead, so that the next source finds one. It holds the place until it is ready, so that
            // there are never more processes than places.
            let (pool, place) = (Arc::downgrade(&self.pool), self.place.take());
            self.pool.runtime.spawn(replace(pool, place));
        }
    }
}

/// Starts a process in advance. If that fails, the next source starts one, and its compilation reports the failure.
async fn replace(pool: Weak<Pool>, place: Option<OwnedSemaphorePermit>) {
    if let Some(pool) = pool.upgrade() {
        match pool.start_process(Instant::now() + START_PATIENCE).await {
            Ok(process) => pool.put_by(process),
            Err(error) => pool.trouble.process_failed(&format!("a compiler process cannot be started: {error}")),
        }
    }
    drop(place);
}
