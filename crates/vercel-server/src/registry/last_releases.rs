//! When a container last released its capacity. A request that finds too little capacity gets its `Retry-After` from
//! this.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::accounts::OTHER_TEAMS;

/// Upper limit of `Retry-After`, in seconds. Official clients wait this long on their own.
const LONGEST: u32 = 10;

/// When the last container of each account ended.
#[derive(Debug)]
pub(super) struct LastReleases {
    last: Mutex<BTreeMap<String, Instant>>,
}

impl LastReleases {
    /// Creates the table as if a container of every account had ended at `now`, the start of the server.
    pub(super) fn new(accounts: impl IntoIterator<Item = String>, now: Instant) -> Self {
        Self { last: Mutex::new(accounts.into_iter().map(|account| (account, now)).collect()) }
    }

    /// Records that a container of a team ended.
    pub(super) fn record(&self, team: &str, now: Instant) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let account = if last.contains_key(team) { team } else { OTHER_TEAMS };
        if let Some(last) = last.get_mut(account) {
            *last = now;
        }
    }

    /// Returns after how many seconds a team should try again, or any team for `None`: as many as have passed since a
    /// container last ended, within limits. Where sandboxes live for moments, room is free again soon; where none has
    /// ended for long, frequent attempts would only use up the client's retries.
    pub(super) fn retry_after(&self, team: Option<&str>, now: Instant) -> u32 {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let of_team = team.map(|team| last.get(team).or_else(|| last.get(OTHER_TEAMS)));
        let last = of_team.unwrap_or_else(|| last.values().max());
        let passed = last.map_or(Duration::MAX, |last| now.saturating_duration_since(*last));
        u32::try_from(passed.as_secs()).unwrap_or(LONGEST).clamp(1, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_asks_again_after_as_long_as_no_container_has_ended() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let last_releases = LastReleases::new(["a".to_owned(), OTHER_TEAMS.to_owned()], began);
        let seconds_at =
            |seconds| [Some("a"), Some("b"), None].map(|team| last_releases.retry_after(team, at(seconds)));
        assert_eq!(seconds_at(0), [1, 1, 1]);
        assert_eq!(seconds_at(4), [4, 4, 4]);
        assert_eq!(seconds_at(60), [10, 10, 10]);
        last_releases.record("a", at(60));
        assert_eq!(seconds_at(62), [2, 10, 2]);
        // No token is bound to `b`, so this counts for all teams without one.
        last_releases.record("b", at(62));
        assert_eq!(seconds_at(65), [5, 3, 3]);
    }
}
