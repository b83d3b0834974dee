//! Limits of tenants that a test sets.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use workers_domain::ports::{LimitsFor, RepositoryError};
use workers_domain::{TenantId, TenantLimits};

/// Limits of tenants that a test sets. Other tenants have none.
#[derive(Debug, Default)]
pub struct StubLimits {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tenants: HashMap<TenantId, TenantLimits>,
    fails: bool,
}

impl StubLimits {
    /// Sets the limits of a tenant.
    pub fn set(&self, tenant: TenantId, limits: TenantLimits) {
        self.lock().tenants.insert(tenant, limits);
    }

    /// Makes reading limits fail from now on.
    pub fn fail(&self) {
        self.lock().fails = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LimitsFor for StubLimits {
    async fn limits_for(&self, tenant: TenantId) -> Result<TenantLimits, RepositoryError> {
        let state = self.lock();
        if state.fails {
            return Err(RepositoryError::Unavailable("the test asked for this failure".into()));
        }
        Ok(state.tenants.get(&tenant).copied().unwrap_or_default())
    }
}
