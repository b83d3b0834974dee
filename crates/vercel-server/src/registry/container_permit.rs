//! The permit of one container.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::task::task_tracker::TaskTrackerToken;
use workers_domain::Permit;

use super::last_releases::LastReleases;

/// The permit of one container, held from before the container is made until nothing of it is left. Dropping it
/// releases the container's part of the capacity.
#[derive(Debug)]
pub(crate) struct ContainerPermit {
    permit: Option<Permit>,
    team: String,
    last_releases: Arc<LastReleases>,
    /// Makes [`Admission::emptied`](super::admission::Admission::emptied) wait for the end of the whole session, not
    /// only of its container.
    _token: TaskTrackerToken,
}

impl ContainerPermit {
    pub(super) fn new(permit: Permit, team: &str, last_releases: Arc<LastReleases>, token: TaskTrackerToken) -> Self {
        Self { permit: Some(permit), team: team.to_owned(), last_releases, _token: token }
    }

    /// Releases the permit. Further calls do nothing.
    pub(crate) fn release(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.last_releases.record(&self.team, Instant::now());
            drop(permit);
        }
    }
}

impl Drop for ContainerPermit {
    fn drop(&mut self) {
        self.release();
    }
}
