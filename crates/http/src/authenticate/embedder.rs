//! The application that mounts our routes has authenticated whoever reaches them.

use async_trait::async_trait;
use workers_domain::TenantId;
use workers_domain::access::{AuthenticationError, Authenticator, Identity, Principal, RequestHead};

/// Lets every request in, as the application's.
pub(super) struct EmbedderAuthenticator;

#[async_trait]
impl Authenticator for EmbedderAuthenticator {
    async fn authenticate(&self, _head: &RequestHead<'_>) -> Result<Identity, AuthenticationError> {
        Ok(Identity { principal: Principal::Embedder, tenant: TenantId::DEFAULT })
    }
}
