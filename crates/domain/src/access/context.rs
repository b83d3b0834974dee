//! What is known of a call.

use super::{Principal, RequestId};
use crate::TenantId;

/// What is known of a call: whom it acts for, for which tenant, and which request it belongs to. The first argument of
/// every use case. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallContext {
    principal: Principal,
    tenant: TenantId,
    request_id: RequestId,
}

impl CallContext {
    /// A call. The tenant comes from what the caller has proved, never from what the caller says of itself.
    #[must_use]
    pub const fn new(principal: Principal, tenant: TenantId, request_id: RequestId) -> Self {
        Self { principal, tenant, request_id }
    }

    /// A call of the platform itself. What it makes is the default tenant's.
    #[must_use]
    pub const fn system(request_id: RequestId) -> Self {
        Self::new(Principal::System, TenantId::DEFAULT, request_id)
    }

    /// A call of an application that embeds the platform and has no tenants of its own.
    #[must_use]
    pub const fn embedder(request_id: RequestId) -> Self {
        Self::new(Principal::Embedder, TenantId::DEFAULT, request_id)
    }

    /// Whom it acts for.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The tenant that it acts for: whose records it may touch, whose limits hold, and whose places an invocation
    /// takes.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The request that it belongs to.
    #[must_use]
    pub const fn request_id(&self) -> &RequestId {
        &self.request_id
    }
}
