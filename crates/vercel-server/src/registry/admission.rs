//! Admission: how much room for machines there is, which sessions hold it, and whether a new one fits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use workers_domain::{Budget, Permit, Refusal, Resources, Sharing};

use super::StartError;
use super::freed::Freed;
use crate::VercelServerOptions;
use crate::error::{ApiError, ErrorCode};
use crate::sizes::MachineSizes;

/// The account that all teams without a bound token share. They share one because a caller whose token gives access to
/// every team can invent team names.
pub(super) const OTHER_TEAMS: &str = "";

/// Returns the accounts of the teams: one for each team with a bound token, and [`OTHER_TEAMS`] if a request can name
/// any other team.
pub(super) fn accounts(options: &VercelServerOptions) -> BTreeSet<&str> {
    let mut accounts: BTreeSet<&str> = options.tokens.iter().map(|token| token.team().unwrap_or(OTHER_TEAMS)).collect();
    if accounts.is_empty() {
        accounts.insert(OTHER_TEAMS);
    }
    accounts
}

/// The room for machines.
pub(super) struct Admission {
    budget: Arc<Budget>,
    sizes: MachineSizes,
    freed: Arc<Freed>,
    places: TaskTracker,
}

/// The room of one machine, held from before it is made until nothing of it is left. Dropping it frees the room.
#[derive(Debug)]
pub(crate) struct Place {
    permit: Option<Permit>,
    team: String,
    freed: Arc<Freed>,
    /// Makes [`Admission::emptied`] wait for the end of the whole session, not only of its machine.
    _token: TaskTrackerToken,
}

impl Place {
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

impl Admission {
    /// Creates the account of all room. Lowers the largest machine size that clients may request to one that fits.
    pub(super) fn new(options: &mut VercelServerOptions) -> Result<Self, StartError> {
        let sandboxes = u64::try_from(options.max_sessions).unwrap_or(u64::MAX);
        let total = options.capacity.min(Resources { sandboxes, ..Resources::UNLIMITED });
        let smallest = options.sizes.demand(1);
        if let Some(resource) = smallest.shortage(total) {
            return Err(StartError::NoRoom(resource));
        }
        let accounts: Vec<_> = accounts(options).into_iter().map(str::to_owned).collect();
        let freed = Arc::new(Freed::new(accounts.iter().cloned(), Instant::now()));
        let most_percent = u64::from(options.team_share_percent);
        let budget = Budget::new(total, Sharing { accounts, most_percent, smallest });
        options.sizes.max_vcpus = options.sizes.largest(budget.most());
        Ok(Self { budget, sizes: options.sizes, freed, places: TaskTracker::new() })
    }

    /// Takes room for a machine of a team. Refuses the request if the machine does not fit.
    pub(super) fn admit(&self, team: &str, vcpus: u32) -> Result<Place, ApiError> {
        // Take the token first, so that the shutdown waits for everything that has begun.
        let token = self.places.token();
        match self.budget.admit(team, self.sizes.demand(vcpus)) {
            Ok(permit) => {
                let freed = Arc::clone(&self.freed);
                Ok(Place { permit: Some(permit), team: team.to_owned(), freed, _token: token })
            }
            Err(refusal) => Err(self.refused(refusal, team, vcpus)),
        }
    }

    fn refused(&self, refusal: Refusal, team: &str, vcpus: u32) -> ApiError {
        let (message, team) = match refusal {
            Refusal::Never(resource) => {
                let largest = self.sizes.max_vcpus;
                return ApiError::bad_request(format!(
                    "A sandbox with {vcpus} vCPUs takes more {resource} than there ever is here: \
                     `resources.vcpus` must be at most {largest}. Change the sandbox and try again."
                ));
            }
            Refusal::AccountFull(resource) => {
                let message = format!(
                    "The team's running sandboxes leave too little of what one team may have ({resource}). \
                     Stop some, or try again later."
                );
                (message, Some(team))
            }
            Refusal::Full(resource) => {
                let message =
                    format!("There is no room for another sandbox at the moment ({resource}). Try again later.");
                (message, None)
            }
        };
        let seconds = self.freed.retry_after(team, Instant::now());
        ApiError::new(ErrorCode::TooManySessions, message).retry_after(seconds)
    }

    /// Waits until all room is free. Callers that take room afterwards must themselves check whether the server is
    /// shutting down.
    pub(super) async fn emptied(&self) {
        self.places.close();
        self.places.wait().await;
    }
}
