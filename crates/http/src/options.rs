//! Options of the HTTP server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use workers_domain::AllowedOrigin;
use workers_domain::access::Authenticator;
use workers_web::Token;

use crate::Branding;

/// Options of the HTTP server. The limits of request bodies follow from the service's options. Start from
/// [`HttpOptions::default`] and change single fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    /// Which requests are accepted.
    pub access: Access,
    /// The origins whose web pages may use the API from a browser. If empty, no cross-origin requests are allowed.
    pub cors_origins: Vec<AllowedOrigin>,
    /// The branding of the web console. `None`, the default, serves no console.
    pub console: Option<Branding>,
    /// Number of threads that serve requests. None of our handlers blocks, so a few are enough.
    pub threads: usize,
    /// Maximum number of connections per thread. Further ones wait in the listening queue.
    pub max_connections_per_thread: usize,
    /// How long an idle connection is kept open. It is longer than 60 s, after which common proxies close theirs. So
    /// the proxy closes the connection, and never sends a request on a connection that we are closing.
    pub keep_alive: Duration,
    /// How long a client may take to send a request's head.
    pub head_timeout: Duration,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// How long we read and discard the rest of a body after an early response such as 413, so that the client can read
    /// the response before the connection is closed.
    pub linger: Duration,
    /// How long a client may accept no data while there is data to send. Then its connection is closed and its
    /// invocation cancelled. Time in which there is nothing to send does not count. Zero means no limit.
    pub write_timeout: Duration,
    /// How often a comment is sent on a silent event stream. Proxies close connections that are silent for a minute.
    pub sse_keep_alive: Duration,
    /// Isolation features that the sandboxes lack, as permitted by the operator. `/readyz` lists them.
    pub weaker_isolation: Vec<&'static str>,
    /// How long the server continues to serve requests after a stop was requested, while `/readyz` already fails, so
    /// that load balancers can react.
    pub shutdown_delay: Duration,
    /// How long running invocations may take to finish after that.
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

/// Which requests are accepted.
#[derive(Clone)]
pub enum Access {
    /// Requests from this host, but not from web pages of other sites that are open in a browser on this host.
    /// [`Application`] refuses to bind to anything but loopback with it.
    ///
    /// [`Application`]: crate::Application
    Loopback,
    /// Requests with the token.
    Token(AdminToken),
    /// All requests, because the application that mounts our routes has already authenticated the callers. `/api/setup`
    /// is disabled.
    Embedded,
    /// Requests that this authenticator accepts. It returns the principal and the tenant of each request.
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

/// The secret that grants access to the API.
#[derive(Clone)]
pub struct AdminToken(Token);

/// The error for text that cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an admin token must be of at least one printable ASCII character and must not contain spaces")]
pub struct InvalidTokenError;

impl AdminToken {
    /// Creates a token from configuration.
    ///
    /// # Errors
    ///
    /// If an `Authorization` header could not contain it.
    pub fn new(secret: impl Into<String>) -> Result<Self, InvalidTokenError> {
        Token::new(secret).map(Self).map_err(|_| InvalidTokenError)
    }

    /// Compares in constant time, independent of where the two values differ.
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
