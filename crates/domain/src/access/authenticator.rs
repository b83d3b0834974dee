//! Authentication of requests.

use std::net::IpAddr;

use async_trait::async_trait;

use super::Principal;
use crate::TenantId;
use crate::ports::RepositoryError;

/// Authenticates requests. It runs before anything else of the request is read.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Returns the sender of a request with this head, and the tenant. The tenant comes from the credential, never from
    /// a header that a client can set freely.
    ///
    /// # Errors
    ///
    /// If the sender is unknown, or is not allowed to connect in this way.
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Identity, AuthenticationError>;
}

/// The sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The principal that the request acts for.
    pub principal: Principal,
    /// The tenant that the request acts for.
    pub tenant: TenantId,
}

/// The parts of a request before its body.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The request's headers.
    pub headers: &'a dyn Headers,
    /// The host in the request target, if it contains one. This is separate from the `Host` header.
    pub authority: Option<&'a str>,
    /// The address of the peer, if there is a connection. Behind a proxy it is the proxy's address.
    pub peer: Option<IpAddr>,
}

/// The headers of a request.
pub trait Headers: Sync {
    /// Returns all values of a header, in order. `name` is in lower case.
    fn values(&self, name: &str) -> Vec<&[u8]>;
}

/// The reason why a request is not authenticated. The messages are shown to the client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// The request has no credential, or an unknown one.
    #[error("{0}")]
    Unauthorized(String),
    /// The request uses a host name that is not one of the server's own.
    #[error("{0}")]
    HostNotAllowed(String),
    /// The request comes from a web page of another origin.
    #[error("{0}")]
    OriginNotAllowed(String),
    /// Credentials cannot be looked up now.
    #[error("failed to look the credential up")]
    Repository(#[from] RepositoryError),
}
