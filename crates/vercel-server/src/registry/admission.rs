//! Admission: how much room for containers there is, and whether a new one fits.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::task::TaskTracker;
use workers_domain::{Budget, Refusal, Resources, Sharing};

use super::accounts::accounts;
use super::container_permit::ContainerPermit;
use super::last_releases::LastReleases;
use super::start_error::StartError;
use crate::VercelServerOptions;
use crate::error::{ApiError, ErrorCode};
use crate::sizes::ContainerSizes;

/// The room for containers.
pub(super) struct Admission {
    budget: Arc<Budget>,
    sizes: ContainerSizes,
    last_releases: Arc<LastReleases>,
    tokens: TaskTracker,
}

impl Admission {
    /// Creates the account of all room. Lowers the largest container size that clients may request to one that fits.
    pub(super) fn new(options: &mut VercelServerOptions) -> Result<Self, StartError> {
        let sandboxes = u64::try_from(options.max_sessions).unwrap_or(u64::MAX);
        let total = options.capacity.min(Resources { sandboxes, ..Resources::UNLIMITED });
        let smallest = options.sizes.demand(1);
        if let Some(resource) = smallest.shortage(total) {
            return Err(StartError::NoRoom(resource));
        }
        let accounts: Vec<_> = accounts(options).into_iter().map(str::to_owned).collect();
        let last_releases = Arc::new(LastReleases::new(accounts.iter().cloned(), Instant::now()));
        let most_percent = u64::from(options.team_share_percent);
        let budget = Budget::new(total, Sharing { accounts, most_percent, smallest });
        options.sizes.max_vcpus = options.sizes.largest(budget.most());
        Ok(Self { budget, sizes: options.sizes, last_releases, tokens: TaskTracker::new() })
    }

    /// Takes room for a container of a team. Refuses the request if the container does not fit.
    pub(super) fn admit(&self, team: &str, vcpus: u32) -> Result<ContainerPermit, ApiError> {
        // Take the token first, so that the shutdown waits for everything that has begun.
        let token = self.tokens.token();
        match self.budget.admit(team, self.sizes.demand(vcpus)) {
            Ok(permit) => Ok(ContainerPermit::new(permit, team, Arc::clone(&self.last_releases), token)),
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
                // All teams share this room, so the last end of any of them counts.
                (message, None)
            }
        };
        let seconds = self.last_releases.retry_after(team, Instant::now());
        ApiError::new(ErrorCode::TooManySessions, message).retry_after(seconds)
    }

    /// Waits until all room is free. Callers that take room afterwards must themselves check whether the server is
    /// shutting down.
    pub(super) async fn emptied(&self) {
        self.tokens.close();
        self.tokens.wait().await;
    }
}
