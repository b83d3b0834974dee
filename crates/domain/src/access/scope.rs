//! Scopes: the records that a call may touch.

use crate::TenantId;

/// The records that a call may touch: those of one tenant, or those of all tenants. Only
/// [`AccessControl`](super::AccessControl) creates a scope, after it has checked a call or for the platform's own work.
///
/// ```compile_fail
/// # use workers_domain::{TenantId, access::TenantScope};
/// let forged = TenantScope { tenant: Some(TenantId::DEFAULT) };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantScope {
    tenant: Option<TenantId>,
}

impl TenantScope {
    pub(super) const fn of(tenant: TenantId) -> Self {
        Self { tenant: Some(tenant) }
    }

    pub(super) const fn of_all() -> Self {
        Self { tenant: None }
    }

    /// Returns the one tenant of the scope, or `None` for all tenants.
    #[must_use]
    pub const fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }

    /// Returns whether the scope includes records of this tenant.
    #[must_use]
    pub fn contains(&self, tenant: TenantId) -> bool {
        self.tenant.is_none_or(|own| own == tenant)
    }
}
