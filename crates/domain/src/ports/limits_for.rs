//! What a tenant may have of what there is.

use async_trait::async_trait;

use super::RepositoryError;
use crate::{TenantId, TenantLimits};

/// Knows the limits of tenants. Asked for every deploy and every invocation, so an implementation that reads them from
/// elsewhere keeps them for a while.
#[async_trait]
pub trait LimitsFor: Send + Sync {
    /// The limits that hold for a tenant beside the server's.
    ///
    /// # Errors
    ///
    /// When they cannot be read now. Then nothing is done in the tenant's name.
    async fn limits_for(&self, tenant: TenantId) -> Result<TenantLimits, RepositoryError>;
}

/// Each tenant may have what the server's options say.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTenantLimits;

#[async_trait]
impl LimitsFor for NoTenantLimits {
    async fn limits_for(&self, _tenant: TenantId) -> Result<TenantLimits, RepositoryError> {
        Ok(TenantLimits::default())
    }
}
