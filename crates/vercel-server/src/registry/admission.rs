//! Room for machines: what there is, who holds it, and who gets more.

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

/// The account of all teams that no token is bound to: whoever has a token for every team can invent names of teams.
pub(super) const OTHER_TEAMS: &str = "";

/// The accounts that teams have: one for each that a token is bound to, and that of all others where there can be any.
pub(super) fn accounts(options: &VercelServerOptions) -> BTreeSet<&str> {
    let mut accounts: BTreeSet<&str> = options.tokens.iter().map(|token| token.team().unwrap_or(OTHER_TEAMS)).collect();
    if accounts.is_empty() {
        accounts.insert(OTHER_TEAMS);
    }
    accounts
}

/// Room for machines.
pub(super) struct Admission {
    budget: Arc<Budget>,
    sizes: MachineSizes,
    freed: Arc<Freed>,
    places: TaskTracker,
}

/// The room of one machine, from before it is made until nothing of it is left. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    permit: Option<Permit>,
    team: String,
    freed: Arc<Freed>,
    /// The end of the server waits for the whole session, and not for its machine only.
    _token: TaskTrackerToken,
}

impl Place {
    /// Frees the room, once.
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
    /// All room there is. Lowers the largest machine that may be asked for to one that fits.
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

    /// Takes room for a machine of a team. One that does not fit is not made at all.
    pub(super) fn admit(&self, team: &str, vcpus: u32) -> Result<Place, ApiError> {
        // First, so that the end of the server waits for what has begun.
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

    /// Waits until all room is free. What takes some after that must see that the server ends.
    pub(super) async fn emptied(&self) {
        self.places.close();
        self.places.wait().await;
    }
}
