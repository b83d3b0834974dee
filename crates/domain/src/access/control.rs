//! The only place that creates tenant scopes for calls.

use std::sync::Arc;

use super::{AccessError, Action, CallContext, Policy, Principal, Resource, StandardPolicy, TenantScope};

/// Checks calls against the policy and creates the scope of each permitted call. Cheap to clone.
#[derive(Clone)]
pub struct AccessControl {
    policy: Arc<dyn Policy>,
}

impl AccessControl {
    /// Creates an access control that uses this policy.
    #[must_use]
    pub const fn new(policy: Arc<dyn Policy>) -> Self {
        Self { policy }
    }

    /// Checks that a call may perform the action, and returns the records that it may touch: those of its own tenant.
    /// Calls of the system, and actions that concern the whole platform, may touch the records of all tenants.
    ///
    /// # Errors
    ///
    /// If the policy refuses.
    pub fn check(&self, context: &CallContext, action: Action, resource: Resource) -> Result<TenantScope, AccessError> {
        self.policy.permit(context, action, resource)?;
        if action.is_of_platform() || *context.principal() == Principal::System {
            Ok(TenantScope::of_all())
        } else {
            Ok(TenantScope::of(context.tenant()))
        }
    }
}

impl AccessControl {
    /// Returns the scope for the platform's own work that no call started, such as the sweep: the records of all
    /// tenants.
    #[must_use]
    pub const fn system_scope(&self) -> TenantScope {
        TenantScope::of_all()
    }
}

impl Default for AccessControl {
    fn default() -> Self {
        Self::new(Arc::new(StandardPolicy))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::TenantId;
    use crate::access::RequestId;

    fn call(principal: Principal, tenant: TenantId) -> CallContext {
        CallContext::new(principal, tenant, RequestId::parse("test").unwrap())
    }

    fn check(principal: Principal, action: Action) -> Result<TenantScope, AccessError> {
        AccessControl::default().check(&call(principal, other()), action, Resource::Tenant)
    }

    fn other() -> TenantId {
        TenantId::from(Uuid::from_u128(7))
    }

    #[test]
    fn a_call_may_touch_what_its_own_tenant_has_and_nothing_else() {
        for principal in [Principal::AdminToken, Principal::Loopback, Principal::Embedder] {
            let scope = check(principal, Action::ListWorkers).unwrap();
            assert_eq!(scope.tenant(), Some(other()));
            assert!(scope.contains(other()) && !scope.contains(TenantId::DEFAULT));
        }
    }

    #[test]
    fn the_system_may_touch_what_all_tenants_have() {
        for action in [Action::ReadWorker, Action::Maintain, Action::SetUp] {
            let scope = check(Principal::System, action).unwrap();
            assert!(scope.tenant().is_none() && scope.contains(other()) && scope.contains(TenantId::DEFAULT));
        }
    }

    #[test]
    fn to_empty_the_database_is_for_the_operator_and_the_system() {
        for principal in [Principal::AdminToken, Principal::Loopback, Principal::System] {
            assert_eq!(check(principal, Action::SetUp).unwrap().tenant(), None, "it concerns all tenants");
        }
        assert_eq!(check(Principal::Embedder, Action::SetUp), Err(AccessError::Forbidden(Action::SetUp)));
    }

    #[test]
    fn metrics_of_all_tenants_are_for_the_operator_the_system_and_an_embedder() {
        for principal in [Principal::AdminToken, Principal::Loopback, Principal::System, Principal::Embedder] {
            assert_eq!(check(principal, Action::ReadOperations).unwrap().tenant(), None, "they concern all tenants");
        }
        assert_eq!(Action::ReadOperations.scope(), "platform:read");
    }

    #[test]
    fn maintenance_is_for_the_system() {
        for principal in [Principal::AdminToken, Principal::Loopback, Principal::Embedder] {
            assert_eq!(check(principal, Action::Maintain), Err(AccessError::Forbidden(Action::Maintain)));
        }
    }
}
