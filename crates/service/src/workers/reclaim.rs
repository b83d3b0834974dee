//! Deletes this server's snapshots that no worker needs any more.
//!
//! A server deletes its snapshot of a worker when it deletes or redeploys the worker, or when it receives the change
//! from another server. This module finds the remaining ones: of workers that were deleted while this server was down,
//! or while it was rebuilding their snapshot.

use chrono::TimeDelta;

use super::WorkerService;
use super::throttle::Throttle;
use crate::WorkerError;

/// A younger snapshot may belong to a deploy that has not stored its worker yet. The longest deploy takes less time
/// than this.
const YOUNG: TimeDelta = TimeDelta::minutes(2);

/// Number of snapshots that are looked up in the database at a time.
const BATCH: usize = 500;

impl WorkerService {
    /// Deletes this server's own snapshots that no worker needs, and returns their number.
    pub(super) async fn reclaim_snapshots(&self) -> Result<usize, WorkerError> {
        let before = self.shared.clock.now() - YOUNG;
        let own = match self.shared.sandboxes.own_snapshots(before).await {
            Ok(own) => own,
            Err(error) => {
                self.shared.health.warn("list_snapshots", &error, "failed to list the snapshots of this server");
                return Ok(0);
            }
        };
        let (mut reclaimed, mut throttle) = (0, Throttle::default());
        for batch in own.chunks(BATCH) {
            for unused in throttle.step(self.shared.store.workers().find_unused_snapshots(batch)).await? {
                if let Err(error) = throttle.step(self.shared.sandboxes.delete_snapshot(&unused)).await {
                    let what = format_args!("failed to delete the unused snapshot {unused}; it stays until it expires");
                    self.shared.health.warn("delete_snapshot", &error, what);
                } else {
                    reclaimed += 1;
                }
            }
        }
        Ok(reclaimed)
    }
}
