//! A place in the pool, and the process that works there.

use std::io;
use std::sync::{Arc, Weak};

use tokio::sync::OwnedSemaphorePermit;

use super::Pool;
use super::process::CompilerProcess;

/// A place in the pool. A process that still sits there when the seat is dropped has not finished what it was given, or wants to
/// leave: it is killed, and the place becomes free.
pub(super) struct Seat {
    pool: Arc<Pool>,
    process: Option<CompilerProcess>,
    place: Option<OwnedSemaphorePermit>,
}

impl Seat {
    pub(super) fn new(pool: Arc<Pool>, place: OwnedSemaphorePermit) -> Self {
        Self { pool, process: None, place: Some(place) }
    }

    /// Puts a process on the seat: one that waits, or a new one.
    pub(super) async fn occupy(&mut self) -> io::Result<&mut CompilerProcess> {
        let mut found = None;
        while found.is_none()
            && let Some(mut idle) = self.pool.idle.pop()
        {
            if idle.is_alive() {
                found = Some(idle);
            } else {
                tracing::warn!(process.id = idle.id(), "an idle compiler process has died");
            }
        }
        let process = match found {
            Some(process) => process,
            None => self.pool.start_process().await?,
        };
        Ok(self.process.insert(process))
    }

    /// The process is done and waits for the next source.
    pub(super) fn vacate(&mut self) {
        if let Some(process) = self.process.take() {
            self.pool.put_by(process);
        }
    }

    /// The process has died of what it was given.
    pub(super) fn bury_dead(&mut self, error: io::Error) {
        if let Some(process) = self.process.take() {
            process.bury_dead(error);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.process.take());
        if self.pool.idle.is_empty() {
            // One ahead, so that the next source finds a process. It keeps the place until then: there are never more than places.
            let (pool, place) = (Arc::downgrade(&self.pool), self.place.take());
            self.pool.runtime.spawn(replace(pool, place));
        }
    }
}

async fn replace(pool: Weak<Pool>, place: Option<OwnedSemaphorePermit>) {
    if let Some(pool) = pool.upgrade() {
        match pool.start_process().await {
            Ok(process) => pool.put_by(process),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a compiler process cannot be started");
            }
        }
    }
    drop(place);
}
