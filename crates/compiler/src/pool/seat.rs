//! A place in the pool, and the process that works there.

use std::io;
use std::sync::{Arc, Weak};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::Pool;
use super::death::Cause;
use super::process::CompilerProcess;
use super::trouble::Trouble;

/// A place in the pool. A process that still sits there when the seat is dropped has not finished what it was given: it
/// is killed, and the place becomes free.
pub(super) struct Seat {
    pool: Arc<Pool>,
    process: Option<CompilerProcess>,
    place: Option<OwnedSemaphorePermit>,
}

impl Seat {
    pub(super) fn new(pool: Arc<Pool>, place: OwnedSemaphorePermit) -> Self {
        Self { pool, process: None, place: Some(place) }
    }

    /// Puts a process on the seat: one that waits, or a new one, which must be ready in time.
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

    /// What is known about failures that are ours.
    pub(super) fn trouble(&self) -> &Trouble {
        &self.pool.trouble
    }

    /// The process is done and waits for the next source.
    pub(super) fn vacate(&mut self) {
        if let Some(process) = self.process.take() {
            self.pool.put_by(process);
        }
    }

    /// The process is of no further use: it is killed if it lives.
    pub(super) fn dismiss(&mut self) {
        drop(self.process.take());
    }

    /// The process has died. Its cause of death is answered as soon as it is known; `None` if there is no process.
    pub(super) fn bury_dead(&mut self, error: io::Error) -> Option<oneshot::Receiver<Cause>> {
        self.process.take().map(|process| process.bury_dead(error))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.dismiss();
        if self.pool.idle.is_empty() {
            // One ahead, so that the next source finds a process. It keeps the place until then: there are never more
            // than places.
            let (pool, place) = (Arc::downgrade(&self.pool), self.place.take());
            self.pool.runtime.spawn(replace(pool, place));
        }
    }
}

/// A process that cannot be started now is started by the next source, which says so if it cannot be started then.
async fn replace(pool: Weak<Pool>, place: Option<OwnedSemaphorePermit>) {
    if let Some(pool) = pool.upgrade() {
        match pool.start_process(Instant::now() + super::START_PATIENCE).await {
            Ok(process) => pool.put_by(process),
            Err(error) => pool.trouble.process_failed(&format!("a compiler process cannot be started: {error}")),
        }
    }
    drop(place);
}
