//! Authentication for an application that mounts our routes and has already authenticated the callers.

use async_trait::async_trait;
use workers_domain::TenantId;
use workers_domain::access::{AuthenticationError, Authenticator, Identity, Principal, RequestHead};

/// Accepts every request on behalf of the application.
pub(super) struct EmbedderAuthenticator;

#[async_trait]
impl Authenticator for EmbedderAuthenticator {
    async fn authenticate(&self, _head: &RequestHead<'_>) -> Result<Identity, AuthenticationError> {
        Ok(Identity { principal: Principal::Embedder, tenant: TenantId::DEFAULT })
    }
}
