//! The room of one container.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::task::task_tracker::TaskTrackerToken;
use workers_domain::Permit;

use super::freed::Freed;

/// The room of one container, held from before it is made until nothing of it is left. Dropping it frees the room.
#[derive(Debug)]
pub(crate) struct Place {
    permit: Option<Permit>,
    team: String,
    freed: Arc<Freed>,
    /// Makes [`Admission::emptied`](super::admission::Admission::emptied) wait for the end of the whole session, not
    /// only of its container.
    _token: TaskTrackerToken,
}

impl Place {
    pub(super) fn new(permit: Permit, team: &str, freed: Arc<Freed>, token: TaskTrackerToken) -> Self {
        Self { permit: Some(permit), team: team.to_owned(), freed, _token: token }
    }

    /// Frees the room. Further calls do nothing.
    pub(crate) fn vacate(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.freed.tell(&self.team, Instant::now());
            drop(permit);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.vacate();
    }
}
