//! Options of the server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use workers_domain::Resources;
use workers_domain::ports::{Clock, ContainerProvider, SystemClock};
use workers_web::Token;

use crate::ContainerSizes;

/// Options of the server. [`VercelServerOptions::new`] sets everything that has a default.
#[derive(Clone)]
#[non_exhaustive]
pub struct VercelServerOptions {
    /// Creates the containers. It must serve this server only: at start, the server removes all of its snapshots that
    /// have no record in the directory.
    pub containers: Arc<dyn ContainerProvider>,
    /// Where the records of sandboxes and the output of commands are stored. Created if it does not exist; must serve
    /// this server only.
    pub directory: PathBuf,
    /// Who may use the API. Without any token every local process may, and no web page: bind to loopback only.
    pub tokens: Vec<AccessToken>,
    /// The source of the time of day.
    pub clock: Arc<dyn Clock>,
    /// Where its requests are counted, as `workers_vercel_api_requests_total` and
    /// `workers_vercel_api_request_duration_seconds`. Two servers cannot share one registry. The default is a registry
    /// of its own.
    pub metrics: prometheus::Registry,
    /// The region that responses show for sandboxes.
    pub region: String,
    /// How long a session lasts by default.
    pub default_timeout: Duration,
    /// How long a session may last, extensions included.
    pub max_timeout: Duration,
    /// Maximum number of sandboxes of a team, including those without a running session: each is held in memory.
    pub max_sandboxes: usize,
    /// Maximum number of sessions at one time.
    pub max_sessions: usize,
    /// What the containers of all sessions may take together. The default is no limit, because only the embedder has
    /// the size of the host.
    pub capacity: Resources,
    /// How much of that the sessions of one team may take, in percent, where tokens are bound to several teams. All
    /// teams without a bound token share one part.
    pub team_share_percent: u32,
    /// Memory and disk sizes of containers.
    pub sizes: ContainerSizes,
    /// Maximum number of requests of one team within ten seconds; all teams without a bound token count as one. Limits
    /// programs that send requests in an endless loop.
    pub max_requests: u32,
    /// Maximum number of client connections at one time; further ones wait to be accepted.
    pub max_connections: usize,
    /// How long a client may read nothing of its response before its connection is closed. Zero means for ever.
    pub write_timeout: Duration,
    /// Maximum size of an archive of files to write, as it is sent, in bytes.
    pub max_upload_bytes: u64,
    /// Maximum size of the stored output of one command, in bytes.
    pub max_log_bytes: u64,
    /// Maximum size of the stored output of all commands of a session, in bytes.
    pub max_session_log_bytes: u64,
    /// Maximum size of the stored output of all sessions, in bytes. What does not fit is dropped and counted.
    pub max_total_log_bytes: u64,
    /// How long a snapshot is kept after its last use by default.
    pub snapshot_expiration: Duration,
    /// How long to keep a sandbox that has no snapshot to start from any more, and the record of a snapshot after its
    /// files are removed.
    pub retention: Duration,
    /// How long lists show a deleted or expired snapshot. It is not shown for longer than its record is kept.
    pub deleted_shown: Duration,
    /// How many ended sessions of each sandbox stay on record.
    pub session_history: usize,
    /// How often expired records are looked for.
    pub sweep_interval: Duration,
    /// How long taking a snapshot may take: long enough for many gigabytes on a busy disk, but limited. After that the
    /// session has failed.
    pub snapshot_timeout: Duration,
    /// How long stopping a container may take, which kills it and removes its files; and how long deleting a sandbox
    /// waits for a snapshot of it that is being taken. After that the container is dropped as it is.
    pub stop_timeout: Duration,
    /// How long the shutdown may take, which takes the snapshots of persistent sandboxes.
    pub shutdown_timeout: Duration,
}

impl VercelServerOptions {
    /// Creates options with the default values for this provider and directory.
    #[must_use]
    pub fn new(containers: Arc<dyn ContainerProvider>, directory: impl Into<PathBuf>) -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            containers,
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
            sizes: ContainerSizes::default(),
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

/// A secret that gives access to the API.
#[derive(Clone)]
pub struct AccessToken {
    secret: Token,
    team: Option<String>,
}

/// The text cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token must be of at least one printable ASCII character and must not contain spaces")]
pub struct InvalidAccessTokenError;

impl AccessToken {
    /// Creates a token that gives access to every team.
    ///
    /// # Errors
    ///
    /// When the secret cannot be sent in an `Authorization` header.
    pub fn new(secret: impl Into<String>) -> Result<Self, InvalidAccessTokenError> {
        Token::new(secret).map(|secret| Self { secret, team: None }).map_err(|_| InvalidAccessTokenError)
    }

    /// Limits the token to this team.
    #[must_use]
    pub fn for_team(mut self, team: impl Into<String>) -> Self {
        self.team = Some(team.into());
        self
    }

    /// Compares in a time that does not depend on where the two differ.
    pub(crate) fn matches(&self, candidate: &[u8]) -> bool {
        self.secret.matches(candidate)
    }

    /// Returns the only team that the token gives access to, if it is limited to one.
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
