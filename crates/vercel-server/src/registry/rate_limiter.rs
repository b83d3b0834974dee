//! Limits the request rate of teams.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::accounts::{OTHER_TEAMS, accounts};
use crate::VercelServerOptions;
use crate::model::Millis;

/// Length of a counting window in milliseconds. Official clients wait longer than this on their own.
const WINDOW: Millis = 10_000;

/// Counts the requests of each team. All teams for which no token is configured share one count, as they
/// share one account of capacity.
pub(super) struct RateLimiter {
    limit: u32,
    windows: Mutex<HashMap<String, Window>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    began: Millis,
    requests: u32,
}

/// The request count of a team, for the rate limit headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimitStatus {
    /// Requests that the team may make in one window.
    pub(crate) limit: u32,
    /// Requests that are left in the window.
    pub(crate) remaining: u32,
    /// When the window ends, in seconds since the Unix epoch.
    pub(crate) reset: i64,
    /// Seconds until the window ends; set if the request exceeded the limit.
    pub(crate) retry_after: Option<u32>,
}

impl RateLimiter {
    pub(super) fn new(options: &VercelServerOptions) -> Self {
        let windows = accounts(options).into_iter().map(|account| (account.to_owned(), Window::default()));
        Self { limit: options.max_requests, windows: Mutex::new(windows.collect()) }
    }

    /// Counts a request of a team, unless the team has reached its limit.
    pub(super) fn count(&self, team: &str, now: Millis) -> RateLimitStatus {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        // Names that clients invent share one entry, so that they cannot fill the memory.
        let account = if windows.contains_key(team) { team } else { OTHER_TEAMS };
        let window = windows.entry(account.to_owned()).or_default();
        // A window that is over ends, and so does one that began later than now: the clock was set back, and no team
        // has to wait for the old time.
        if !(window.began..window.began.saturating_add(WINDOW)).contains(&now) {
            *window = Window { began: now, requests: 0 };
        }
        let is_over = window.requests >= self.limit;
        window.requests += u32::from(!is_over);
        let ends = window.began.saturating_add(WINDOW);
        // Rounded up: after that wait the window is over.
        let seconds = |millis: Millis| millis.saturating_add(999).div_euclid(1000);
        RateLimitStatus {
            limit: self.limit,
            remaining: self.limit - window.requests,
            reset: seconds(ends),
            retry_after: is_over.then(|| u32::try_from(seconds(ends - now)).unwrap_or(1).max(1)),
        }
    }
}
