//! From what a request presents to who sent it.

use std::net::IpAddr;

use async_trait::async_trait;

use super::Principal;
use crate::TenantId;
use crate::ports::RepositoryError;

/// Finds out who sent a request. It is asked before anything else of the request is read.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Who sent a request with this head, and for which tenant. The tenant is that of the credential: what a client can
    /// write freely into a header names no tenant.
    ///
    /// # Errors
    ///
    /// When the sender is not known, or may not come in like this.
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Identity, AuthenticationError>;
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whom the request acts for.
    pub principal: Principal,
    /// The tenant that it acts for.
    pub tenant: TenantId,
}

/// What a request says before its body.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// Its headers.
    pub headers: &'a dyn Headers,
    /// The host that its target names, if it names one beside the header.
    pub authority: Option<&'a str>,
    /// The address at the other end of the connection, if there is one: a proxy's, where there is a proxy.
    pub peer: Option<IpAddr>,
}

/// The headers of a request.
pub trait Headers: Sync {
    /// All values of a header, in order. Its name is given in lower case.
    fn values(&self, name: &str) -> Vec<&[u8]>;
}

/// Why a request is not let in. The sentences are for the client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// It has no credential, or none that is known.
    #[error("{0}")]
    Unauthorized(String),
    /// It calls this server by a name that is not the server's own.
    #[error("{0}")]
    HostNotAllowed(String),
    /// It comes from a web page of another origin.
    #[error("{0}")]
    OriginNotAllowed(String),
    /// Credentials cannot be looked up now.
    #[error("failed to look the credential up")]
    Repository(#[from] RepositoryError),
}
