//! The ports and the state that all use cases share.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::DropGuard;
use workers_domain::TenantId;
use workers_domain::access::AccessControl;
use workers_domain::ports::{Clock, LimitsFor, RepositoryError, SandboxProvider, Store};

use crate::bundle::Bundler;
use crate::health::Health;
use crate::workers::{ChangeFeed, Settler, WorkerLocks};
use crate::{EffectiveLimits, InvocationObserver, LogDecision, ServiceOptions, UnreadBudget};

/// Ports and state that the use cases share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sandboxes: Arc<dyn SandboxProvider>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn InvocationObserver>,
    pub(crate) access: AccessControl,
    pub(crate) limits: Arc<dyn LimitsFor>,
    pub(crate) options: ServiceOptions,
    pub(crate) bundler: Bundler,
    pub(crate) changes: ChangeFeed,
    pub(crate) settler: Settler,
    pub(crate) health: Arc<Health>,
    pub(crate) worker_locks: WorkerLocks,
    pub(crate) unread_budget: UnreadBudget,
    /// The runtime for background work. We do not use the caller's runtime: it may belong to a web server thread that
    /// ends sooner.
    pub(crate) runtime: Handle,
    /// Ends the task that follows changes of other servers, when this is dropped.
    pub(crate) _following: DropGuard,
}

impl Shared {
    /// Records a failure of the platform and returns what to log about it. Starts checks that find out whether it
    /// lasts.
    pub(crate) fn failed(&self, kind: &str) -> LogDecision {
        self.health.failed(kind)
    }

    /// Returns the limits that apply to a tenant.
    pub(crate) async fn limits_of(&self, tenant: TenantId) -> Result<EffectiveLimits, RepositoryError> {
        Ok(EffectiveLimits::least(&self.options, &self.limits.limits_for(tenant).await?))
    }
}
