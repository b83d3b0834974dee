//! How the HTTP side behaves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use workers_domain::AllowedOrigin;
use workers_domain::access::Authenticator;
use workers_web::Token;

use crate::Branding;

/// How the HTTP side behaves. The limits of bodies follow from the service's options. Take [`HttpOptions::default`] and
/// change what is to be different.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    /// Who may use the API.
    pub access: Access,
    /// Whose web pages may use the API from a browser. Empty: cross-origin requests are not answered with permission.
    pub cors_origins: Vec<AllowedOrigin>,
    /// The web console, under this brand. `None`, as it is unless said otherwise: no console.
    pub console: Option<Branding>,
    /// Threads that serve requests. None of our handlers blocks, so a few are enough.
    pub threads: usize,
    /// Connections a thread holds at one time; further ones wait in the listening queue.
    pub max_connections_per_thread: usize,
    /// How long an idle connection is kept. Longer than the 60 s after which common proxies let go of theirs, so that
    /// it is the proxy that closes and never sends a request into a connection that we are closing.
    pub keep_alive: Duration,
    /// How long a client may take to send a request's head.
    pub head_timeout: Duration,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// How long an unread rest of a body is read and thrown away after an early answer such as 413, so that the client
    /// can read the answer before the connection is closed.
    pub linger: Duration,
    /// How long a client may take nothing of what is to be sent to it; then its connection is closed, and its
    /// invocation is cancelled. While there is nothing to send no time is counted. Nothing: for ever.
    pub write_timeout: Duration,
    /// How often a comment is sent on an event stream that is otherwise silent; proxies close what is silent for a
    /// minute.
    pub sse_keep_alive: Duration,
    /// Pieces of the isolation that the sandboxes lack, by the operator's leave; `/readyz` names them.
    pub weaker_isolation: Vec<&'static str>,
    /// How long, once asked to stop, to go on as before while `/readyz` already fails, for load balancers to notice.
    pub shutdown_delay: Duration,
    /// How long after that running invocations may take to end by themselves.
    pub drain_timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            access: Access::Loopback,
            cors_origins: Vec::new(),
            console: None,
            threads: cores.min(4),
            max_connections_per_thread: 10_000,
            keep_alive: Duration::from_secs(75),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_mins(1),
            linger: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
            sse_keep_alive: Duration::from_secs(15),
            weaker_isolation: Vec::new(),
            shutdown_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Who may use the API.
#[derive(Clone)]
pub enum Access {
    /// Whoever is on this machine, and no web page of another site that a browser on this machine shows.
    /// [`Application`] refuses to bind to anything but loopback with it.
    ///
    /// [`Application`]: crate::Application
    Loopback,
    /// Whoever has the token.
    Token(AdminToken),
    /// Whoever reaches our routes, because the application that mounts them has authenticated him. `/api/setup` is
    /// closed.
    Embedded,
    /// Whoever this knows: it says for each request whom it acts for, and for which tenant.
    Custom(Arc<dyn Authenticator>),
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => formatter.write_str("Loopback"),
            Self::Token(token) => formatter.debug_tuple("Token").field(token).finish(),
            Self::Embedded => formatter.write_str("Embedded"),
            Self::Custom(_) => formatter.write_str("Custom(…)"),
        }
    }
}

/// The secret that opens the API.
#[derive(Clone)]
pub struct AdminToken(Token);

/// Text that cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an admin token must be of at least one printable ASCII character and must not contain spaces")]
pub struct InvalidTokenError;

impl AdminToken {
    /// Takes a token over from configuration.
    ///
    /// # Errors
    ///
    /// When no `Authorization` header could carry it.
    pub fn new(secret: impl Into<String>) -> Result<Self, InvalidTokenError> {
        Token::new(secret).map(Self).map_err(|_| InvalidTokenError)
    }

    /// Compares in a time that does not depend on where the two differ.
    pub(crate) fn matches(&self, candidate: &[u8]) -> bool {
        self.0.matches(candidate)
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AdminToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_itself_only() {
        let token = AdminToken::new("s3cret").unwrap();
        assert!(token.matches(b"s3cret"));
        for other in [&b"s3cres"[..], b"s3cre", b"s3crett", b""] {
            assert!(!token.matches(other));
        }
    }

    #[test]
    fn a_token_that_no_header_could_carry_is_refused() {
        for text in ["", "a b", "a\n", "ä"] {
            assert!(AdminToken::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let options =
            HttpOptions { access: Access::Token(AdminToken::new("s3cret").unwrap()), ..HttpOptions::default() };
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
