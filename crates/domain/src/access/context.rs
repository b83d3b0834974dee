//! The context of a call.

use super::{Principal, RequestId};
use crate::TenantId;

/// The context of a call: the principal and the tenant that it acts for, and the request that it belongs to. It is the
/// first argument of every use case. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallContext {
    principal: Principal,
    tenant: TenantId,
    request_id: RequestId,
}

impl CallContext {
    /// Creates the context of a call. The tenant must come from the verified credential, never from what the caller
    /// claims.
    #[must_use]
    pub const fn new(principal: Principal, tenant: TenantId, request_id: RequestId) -> Self {
        Self { principal, tenant, request_id }
    }

    /// Creates the context of a call by the platform itself. Records created with it belong to the default tenant.
    #[must_use]
    pub const fn system(request_id: RequestId) -> Self {
        Self::new(Principal::System, TenantId::DEFAULT, request_id)
    }

    /// Creates the context of a call by an application that embeds the platform and has no tenants of its own.
    #[must_use]
    pub const fn embedder(request_id: RequestId) -> Self {
        Self::new(Principal::Embedder, TenantId::DEFAULT, request_id)
    }

    /// Returns the principal that the call acts for.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns the tenant that the call acts for. It decides which records the call may touch, which limits apply, and
    /// whose permits an invocation takes.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns the id of the request that the call belongs to.
    #[must_use]
    pub const fn request_id(&self) -> &RequestId {
        &self.request_id
    }
}
