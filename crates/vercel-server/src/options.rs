//! How the server behaves.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use workers_domain::Resources;
use workers_domain::ports::{Clock, MachineProvider, SystemClock};
use workers_web::Token;

use crate::MachineSizes;

/// How the server behaves. [`VercelServerOptions::new`] fills in all but what it must be given.
#[derive(Clone)]
#[non_exhaustive]
pub struct VercelServerOptions {
    /// Makes the machines. What snapshots it has and the directory does not know are removed at start: it must serve
    /// nobody else.
    pub machines: Arc<dyn MachineProvider>,
    /// Where sandboxes and the output of commands are kept. Made if it is not there; must serve nobody else.
    pub directory: PathBuf,
    /// Who may use the API. Without any, everybody on this machine may, and no web page: bind to loopback only.
    pub tokens: Vec<AccessToken>,
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// Where its requests are counted, as `workers_vercel_api_requests_total` and
    /// `workers_vercel_api_request_duration_seconds`. No two servers can share one. One of its own unless it is said.
    pub metrics: prometheus::Registry,
    /// The region that sandboxes are said to be in.
    pub region: String,
    /// How long a session lasts if nobody says.
    pub default_timeout: Duration,
    /// How long a session may last, extensions included.
    pub max_timeout: Duration,
    /// Sandboxes of a team, those that do not run included: each is held in memory.
    pub max_sandboxes: usize,
    /// Sessions at one time.
    pub max_sessions: usize,
    /// What the machines of all sessions may take altogether. Without limits unless it is said: only the embedder knows
    /// the host.
    pub capacity: Resources,
    /// What the sessions of one team may take of that, in hundredths, where tokens are bound to several teams. Teams
    /// that no token is bound to share one part.
    pub team_share_percent: u32,
    /// How large machines are.
    pub sizes: MachineSizes,
    /// Requests of one team within ten seconds; teams that no token is bound to count as one. Meant for programs that
    /// run wild.
    pub max_requests: u32,
    /// Connections of clients at one time; further ones wait to be accepted.
    pub max_connections: usize,
    /// How long a client may take nothing of what is to be sent to it before its connection is closed. Nothing: for
    /// ever.
    pub write_timeout: Duration,
    /// Size of an archive of files to write, as it is sent, in bytes.
    pub max_upload_bytes: u64,
    /// Size of the stored output of one command, in bytes.
    pub max_log_bytes: u64,
    /// Size of the stored output of all commands of a session, in bytes.
    pub max_session_log_bytes: u64,
    /// Size of the stored output of all sessions, in bytes. What does not fit is dropped and counted.
    pub max_total_log_bytes: u64,
    /// How long a snapshot is kept after its last use if nobody says.
    pub snapshot_expiration: Duration,
    /// How long a sandbox is kept that has nothing to start from any more, and a snapshot's record after its files.
    pub retention: Duration,
    /// How long lists show a snapshot that was deleted or has expired. No longer than its record is kept.
    pub deleted_shown: Duration,
    /// Ended sessions that are remembered of each sandbox.
    pub session_history: usize,
    /// How often what has expired is looked for.
    pub sweep_interval: Duration,
    /// How long taking a snapshot may take: files of many gigabytes on a busy disk, but not for ever. Then its session
    /// has failed.
    pub snapshot_timeout: Duration,
    /// How long the end of a machine may take, which is killed and its files removed; and how long deleting a sandbox
    /// waits for a snapshot of it that is being taken. Then the machine is let go of as it is.
    pub stop_timeout: Duration,
    /// How long the end may take in which persistent sandboxes are frozen.
    pub shutdown_timeout: Duration,
}

impl VercelServerOptions {
    /// The defaults, over these machines and in this directory.
    #[must_use]
    pub fn new(machines: Arc<dyn MachineProvider>, directory: impl Into<PathBuf>) -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            machines,
            directory: directory.into(),
            tokens: Vec::new(),
            clock: Arc::new(SystemClock),
            metrics: prometheus::Registry::new(),
            region: "iad1".to_owned(),
            default_timeout: Duration::from_mins(5),
            max_timeout: DAY,
            max_sandboxes: 10_000,
            max_sessions: 64,
            capacity: Resources::UNLIMITED,
            team_share_percent: 50,
            sizes: MachineSizes::default(),
            max_requests: 20_000,
            max_connections: 10_000,
            write_timeout: Duration::from_secs(30),
            max_upload_bytes: 512 << 20,
            max_log_bytes: 64 << 20,
            max_session_log_bytes: 1 << 30,
            max_total_log_bytes: 8 << 30,
            snapshot_expiration: 30 * DAY,
            retention: 14 * DAY,
            deleted_shown: DAY,
            session_history: 50,
            sweep_interval: Duration::from_mins(1),
            snapshot_timeout: Duration::from_mins(2),
            stop_timeout: Duration::from_secs(15),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for VercelServerOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VercelServerOptions")
            .field("directory", &self.directory)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// A secret that opens the API.
#[derive(Clone)]
pub struct AccessToken {
    secret: Token,
    team: Option<String>,
}

/// Text that cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token must be of at least one printable ASCII character and must not contain spaces")]
pub struct InvalidAccessTokenError;

impl AccessToken {
    /// A token that opens every team.
    ///
    /// # Errors
    ///
    /// When no `Authorization` header could carry it.
    pub fn new(secret: impl Into<String>) -> Result<Self, InvalidAccessTokenError> {
        Token::new(secret).map(|secret| Self { secret, team: None }).map_err(|_| InvalidAccessTokenError)
    }

    /// Opens this team only.
    #[must_use]
    pub fn for_team(mut self, team: impl Into<String>) -> Self {
        self.team = Some(team.into());
        self
    }

    /// Compares in a time that does not depend on where the two differ.
    pub(crate) fn matches(&self, candidate: &[u8]) -> bool {
        self.secret.matches(candidate)
    }

    /// The only team it opens.
    pub(crate) fn team(&self) -> Option<&str> {
        self.team.as_deref()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessToken").field("team", &self.team).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_itself_only_and_is_not_printed() {
        let token = AccessToken::new("s3cret").unwrap().for_team("team_a");
        assert!(token.matches(b"s3cret"));
        for other in [&b"s3cres"[..], b"s3cre", b"s3crett", b""] {
            assert!(!token.matches(other));
        }
        assert!(!format!("{token:?}").contains("s3cret"));
    }

    #[test]
    fn a_token_that_no_header_could_carry_is_refused() {
        for text in ["", "a b", "a\n", "ä"] {
            assert!(AccessToken::new(text).is_err(), "{text:?}");
        }
    }
}
