//! Keeps a call to the records of its scope, until the repository does that.
//!
//! Rows have no tenant yet: all are the default tenant's. A call of another tenant finds nothing, and can make nothing.

use workers_domain::access::{AccessError, CallContext, TenantScope};
use workers_domain::ports::RepositoryError;
use workers_domain::{TenantId, Worker, WorkerId};

use crate::platform::Shared;

/// Whether there may be rows in this scope.
pub(crate) fn may_have_rows(scope: &TenantScope) -> bool {
    scope.contains(TenantId::DEFAULT)
}

/// Refuses a call that would make a row in another tenant than the default one.
pub(crate) fn check_may_make_rows(context: &CallContext, scope: &TenantScope) -> Result<(), AccessError> {
    if may_have_rows(scope) { Ok(()) } else { Err(AccessError::UnknownTenant(context.tenant())) }
}

impl Shared {
    /// The worker with this id, if it is in this scope: one of another tenant is as one that does not exist.
    pub(crate) async fn find(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let found = self.store.workers().find_by_id(id).await?;
        Ok(found.filter(|worker| scope.contains(worker.tenant_id())))
    }
}
