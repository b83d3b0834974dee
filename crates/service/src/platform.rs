//! The platform: all use cases and the ports they use.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use workers_domain::Fault;
use workers_domain::access::{AccessControl, AccessError, Action, CallContext, Policy, Resource};
use workers_domain::ports::{
    Clock, EventBus, LimitsFor, NoTenantLimits, NodePreload, SandboxProvider, Store, SystemClock,
};

use crate::bundle::Bundler;
use crate::health::Health;
use crate::invocations::{InvocationService, LastInvocationWriter};
use crate::shared::Shared;
use crate::workers::{ChangeFeed, Settler, WorkerLocks, WorkerService, follow};
use crate::{
    Compiler, EffectiveLimits, InProcessCompiler, InProcessEventBus, InvocationObserver, LimitsError, LogDecision,
    NoObserver, ServiceOptions, UnreadBudget,
};

/// All use cases (workers and invocations) on one store and one sandbox provider. Cheap to clone.
#[derive(Clone)]
pub struct Platform {
    workers: WorkerService,
    invocations: InvocationService,
    shared: Arc<Shared>,
}

/// Builds a [`Platform`]. For defaults see [`Platform::builder`].
pub struct PlatformBuilder {
    store: Arc<dyn Store>,
    sandboxes: Arc<dyn SandboxProvider>,
    compiler: Option<Arc<dyn Compiler>>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn InvocationObserver>,
    access: AccessControl,
    limits: Arc<dyn LimitsFor>,
    events: Arc<dyn EventBus>,
    options: ServiceOptions,
}

impl PlatformBuilder {
    /// Sets the compiler. For untrusted code use a compiler that runs in its own process.
    #[must_use]
    pub fn compiler(mut self, compiler: Arc<dyn Compiler>) -> Self {
        self.compiler = Some(compiler);
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the observer of invocations.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn InvocationObserver>) -> Self {
        self.observer = observer;
        self
    }

    /// Sets the access policy.
    #[must_use]
    pub fn policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.access = AccessControl::new(policy);
        self
    }

    /// Sets the source of tenant limits, which can be lower than those in the options.
    #[must_use]
    pub fn limits(mut self, limits: Arc<dyn LimitsFor>) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the bus that carries changes of workers to listeners.
    #[must_use]
    pub fn events(mut self, events: Arc<dyn EventBus>) -> Self {
        self.events = events;
        self
    }

    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: ServiceOptions) -> Self {
        self.options = options;
        self
    }

    /// Builds the platform. Must be called within a tokio runtime, on which the background work then runs.
    #[must_use]
    pub fn build(self) -> Platform {
        let Self { store, sandboxes, compiler, clock, observer, access, limits, events, options } = self;
        // First, because the provider must know it before it makes the first sandbox (`SandboxProvider::preload`).
        sandboxes.preload(NodePreload { module: workers_transpiler::template_module() });
        let compiler = compiler.unwrap_or_else(|| Arc::new(InProcessCompiler::new()));
        let health =
            Health::start(Arc::clone(&store), Arc::clone(&sandboxes), Arc::clone(&compiler), Arc::clone(&observer));
        let (bundler, runtime) = (Bundler::new(compiler), Handle::current());
        let (changes, following) = (ChangeFeed::new(events), CancellationToken::new());
        let settler = {
            let (store, sandboxes) = (Arc::clone(&store), Arc::clone(&sandboxes));
            Settler::start(store, sandboxes, access.system_scope(), changes.clone(), Arc::clone(&health))
        };
        let unread_budget = UnreadBudget::new(options.max_unread_bytes);
        let shared = Arc::new(Shared {
            store,
            sandboxes,
            clock,
            observer,
            access,
            limits,
            options,
            bundler,
            changes,
            settler,
            health,
            worker_locks: WorkerLocks::default(),
            unread_budget,
            runtime,
            // The task only has a weak reference, and would wait for the next change, which may never come.
            _following: following.clone().drop_guard(),
        });
        follow(&shared, following);
        let last_invocations = {
            let (store, changes) = (Arc::clone(&shared.store), shared.changes.clone());
            LastInvocationWriter::start(store, changes, Arc::clone(&shared.health))
        };
        Platform {
            workers: WorkerService::new(Arc::clone(&shared)),
            invocations: InvocationService::new(Arc::clone(&shared), last_invocations),
            shared,
        }
    }
}

impl Platform {
    /// Creates a builder with this store and sandbox provider. The defaults are the system clock, no observer, the
    /// compiler and the event bus in this process, the [`StandardPolicy`](workers_domain::access::StandardPolicy), and
    /// default options.
    #[must_use]
    pub fn builder(store: Arc<dyn Store>, sandboxes: Arc<dyn SandboxProvider>) -> PlatformBuilder {
        PlatformBuilder {
            store,
            sandboxes,
            compiler: None,
            clock: Arc::new(SystemClock),
            observer: Arc::new(NoObserver),
            access: AccessControl::default(),
            limits: Arc::new(NoTenantLimits),
            events: Arc::new(InProcessEventBus::new()),
            options: ServiceOptions::default(),
        }
    }

    /// Returns the use cases about workers: deploy, list, read, delete, expire.
    #[must_use]
    pub const fn workers(&self) -> &WorkerService {
        &self.workers
    }

    /// Returns the use cases about invocations.
    #[must_use]
    pub const fn invocations(&self) -> &InvocationService {
        &self.invocations
    }

    /// Checks a call before anything is read for it. Every use case also checks its own call.
    ///
    /// # Errors
    ///
    /// If the caller may not do this.
    pub fn check(&self, context: &CallContext, action: Action, resource: Resource) -> Result<(), AccessError> {
        self.shared.access.check(context, action, resource).map(drop)
    }

    /// Returns the limits that apply to the caller.
    ///
    /// # Errors
    ///
    /// If the caller may not read them, or they cannot be read.
    pub async fn limits(&self, context: &CallContext) -> Result<EffectiveLimits, LimitsError> {
        self.limits_of(context, Action::ReadLimits, Resource::Tenant).await
    }

    /// Checks an action and returns the limits that apply to it. A server calls it before it reads a request body, so
    /// that it does not read more than the limit.
    ///
    /// # Errors
    ///
    /// If the caller may not perform the action, or its limits cannot be read.
    pub async fn limits_of(
        &self,
        context: &CallContext,
        action: Action,
        resource: Resource,
    ) -> Result<EffectiveLimits, LimitsError> {
        self.check(context, action, resource)?;
        Ok(self.shared.limits_of(context.tenant()).await?)
    }

    /// Returns how many bytes of responses clients have not read yet, across all tenants.
    ///
    /// # Errors
    ///
    /// If the caller may not read that.
    pub fn unread_bytes(&self, context: &CallContext) -> Result<u64, AccessError> {
        self.check(context, Action::ReadOperations, Resource::Platform)?;
        Ok(self.shared.unread_budget.bytes())
    }

    /// Returns the memory budget of responses that clients have not read yet. Requires no call context, because the
    /// server counts its own responses in it.
    #[must_use]
    pub fn unread_budget(&self) -> &UnreadBudget {
        &self.shared.unread_budget
    }

    /// Returns the limits of the server. A tenant may have lower ones: see [`Platform::limits`]. Requires no call
    /// context: the process itself has set these limits, and no route returns them.
    #[must_use]
    pub fn options(&self) -> &ServiceOptions {
        &self.shared.options
    }

    /// Returns the clock in use. Requires no call context, because it reveals nothing about the platform.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    /// Returns the current faults of what deploys and invocations depend on, at most one per part, within three
    /// seconds. Concurrent callers share one check.
    ///
    /// Requires no call context and checks no policy: `/readyz` is served without a credential. The result contains
    /// nothing about any tenant.
    pub async fn faults(&self) -> Vec<Fault> {
        self.shared.health.faults().await
    }

    /// Returns whether this process was short of file descriptors at the last check. If so, a server should close each
    /// connection after its response: idle clients that keep connections open prevent new ones from being accepted.
    #[must_use]
    pub fn is_short_of_descriptors(&self) -> bool {
        self.shared.health.is_short_of_descriptors()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Records that a request has failed through no fault of the client, and returns what to log about it. `kind`
    /// distinguishes failures. Requires no call context: the process records its own failures.
    #[must_use]
    pub fn failed(&self, kind: &str) -> LogDecision {
        self.shared.failed(kind)
    }
}
