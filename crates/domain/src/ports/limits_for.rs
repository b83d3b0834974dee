//! Limits of tenants.

use async_trait::async_trait;

use super::RepositoryError;
use crate::{TenantId, TenantLimits};

/// Returns the limits of tenants. It is called for every deploy and every invocation, so an implementation that reads
/// limits from elsewhere should cache them.
#[async_trait]
pub trait LimitsFor: Send + Sync {
    /// Returns the limits that apply to a tenant in addition to the server's.
    ///
    /// # Errors
    ///
    /// If the limits cannot be read now. The deploy or invocation is then refused.
    async fn limits_for(&self, tenant: TenantId) -> Result<TenantLimits, RepositoryError>;
}

/// Sets no limits of its own, so each tenant gets what the server's options allow.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTenantLimits;

#[async_trait]
impl LimitsFor for NoTenantLimits {
    async fn limits_for(&self, _tenant: TenantId) -> Result<TenantLimits, RepositoryError> {
        Ok(TenantLimits::default())
    }
}
