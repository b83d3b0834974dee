//! Calls, scopes and a policy for tests.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::DateTime;
use workers_domain::TenantId;
use workers_domain::access::{
    AccessControl, AccessError, Action, CallContext, Policy, Principal, RequestId, Resource, TenantScope,
};

/// Returns a call of the operator in the default tenant.
#[must_use]
pub fn operator() -> &'static CallContext {
    static CALL: LazyLock<CallContext> = LazyLock::new(|| operator_in(TenantId::DEFAULT));
    &CALL
}

/// Returns a call of the operator in a tenant.
#[must_use]
pub fn operator_in(tenant: TenantId) -> CallContext {
    CallContext::new(Principal::AdminToken, tenant, RequestId::generate(DateTime::UNIX_EPOCH))
}

/// Returns a call of the platform itself in the default tenant.
#[must_use]
pub fn system() -> &'static CallContext {
    static CALL: LazyLock<CallContext> = LazyLock::new(|| system_in(TenantId::DEFAULT));
    &CALL
}

/// Returns a call of the platform itself in a tenant. It may access the data of all tenants.
#[must_use]
pub fn system_in(tenant: TenantId) -> CallContext {
    CallContext::new(Principal::System, tenant, RequestId::generate(DateTime::UNIX_EPOCH))
}

/// Returns the scope of a call in this tenant.
///
/// # Panics
///
/// Never: the standard policy lets everyone read workers.
#[must_use]
pub fn scope_of(tenant: TenantId) -> TenantScope {
    let checked = AccessControl::default().check(&operator_in(tenant), Action::ListWorkers, Resource::Tenant);
    checked.expect("the standard policy lets everyone list workers")
}

/// Returns the scope of a call of the platform itself: all tenants.
///
/// # Panics
///
/// Never: the standard policy lets the system do everything.
#[must_use]
pub fn scope_of_all() -> TenantScope {
    let checked = AccessControl::default().check(system(), Action::ListWorkers, Resource::Tenant);
    checked.expect("the standard policy lets the system do everything")
}

/// A policy that permits either everything or nothing.
#[derive(Debug, Default)]
pub struct SwitchedPolicy {
    refuses: AtomicBool,
}

impl SwitchedPolicy {
    /// Refuses every call from now on.
    pub fn refuse(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }

    /// Permits every call from now on.
    pub fn permit_all(&self) {
        self.refuses.store(false, Ordering::Relaxed);
    }
}

impl Policy for SwitchedPolicy {
    fn permit(&self, _context: &CallContext, action: Action, _resource: Resource) -> Result<(), AccessError> {
        if self.refuses.load(Ordering::Relaxed) { Err(AccessError::Forbidden(action)) } else { Ok(()) }
    }
}
