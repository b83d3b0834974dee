//! Why a call was refused.

use super::Action;
use crate::TenantId;

/// Why a call was refused. Nothing was read or written for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The caller may not do this.
    #[error("the caller may not {0}")]
    Forbidden(Action),
    /// The caller's tenant is not there.
    #[error("there is no tenant {0}")]
    UnknownTenant(TenantId),
}
