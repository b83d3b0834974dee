//! Both groups of use cases, wired.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use workers_domain::Trouble;
use workers_domain::access::{AccessControl, AccessError, Action, CallContext, Policy, Resource};
use workers_domain::ports::{
    Clock, EventBus, LimitsFor, NoTenantLimits, NodePreload, SandboxProvider, Store, SystemClock,
};

use crate::bundle::Bundler;
use crate::health::Health;
use crate::invocations::{InvocationService, LastInvoked};
use crate::workers::{ChangeFeed, Settler, Turns, WorkerService, follow};
use crate::{
    Compiler, InProcessCompiler, InProcessEventBus, InvocationObserver, NoObserver, ServiceOptions, Telling, Unread,
};

/// Both groups of use cases over one store and one sandbox provider. Cheap to clone.
#[derive(Clone)]
pub struct Platform {
    workers: WorkerService,
    invocations: InvocationService,
    shared: Arc<Shared>,
}

/// What the use cases share.
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
    pub(crate) turns: Turns,
    pub(crate) unread: Unread,
    /// Where background work runs: not on the runtime of whoever calls, which may be a web server's thread that ends
    /// sooner.
    pub(crate) runtime: Handle,
    /// Ends the task that follows other servers, when this is dropped.
    _following: DropGuard,
}

/// Puts a [`Platform`] together. What is not said is as [`Platform::builder`] tells.
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
    /// What compiles. Code of strangers is for a compiler in a process of its own.
    #[must_use]
    pub fn compiler(mut self, compiler: Arc<dyn Compiler>) -> Self {
        self.compiler = Some(compiler);
        self
    }

    /// What tells the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What hears of every invocation.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn InvocationObserver>) -> Self {
        self.observer = observer;
        self
    }

    /// Who may do what.
    #[must_use]
    pub fn policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.access = AccessControl::new(policy);
        self
    }

    /// What tenants may have less of than the options say.
    #[must_use]
    pub fn limits(mut self, limits: Arc<dyn LimitsFor>) -> Self {
        self.limits = limits;
        self
    }

    /// What carries changes of workers to those who listen.
    #[must_use]
    pub fn events(mut self, events: Arc<dyn EventBus>) -> Self {
        self.events = events;
        self
    }

    /// Limits and times.
    #[must_use]
    pub fn options(mut self, options: ServiceOptions) -> Self {
        self.options = options;
        self
    }

    /// The platform. Must be called within a tokio runtime, on which its background work runs.
    #[must_use]
    pub fn build(self) -> Platform {
        let Self { store, sandboxes, compiler, clock, observer, access, limits, events, options } = self;
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
        let unread = Unread::new(options.max_unread_bytes);
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
            turns: Turns::default(),
            unread,
            runtime,
            _following: following.clone().drop_guard(),
        });
        follow(&shared, following);
        let last_invoked = {
            let (store, changes) = (Arc::clone(&shared.store), shared.changes.clone());
            LastInvoked::start(store, changes, Arc::clone(&shared.health))
        };
        Platform {
            workers: WorkerService::new(Arc::clone(&shared)),
            invocations: InvocationService::new(Arc::clone(&shared), last_invoked),
            shared,
        }
    }
}

impl Platform {
    /// Puts a platform together over these. Unless it is said otherwise it has the machine's clock, no observer, the
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

    /// Deploy, list, read, delete, expire.
    #[must_use]
    pub const fn workers(&self) -> &WorkerService {
        &self.workers
    }

    /// Invoke.
    #[must_use]
    pub const fn invocations(&self) -> &InvocationService {
        &self.invocations
    }

    /// Checks a call before anything is read for it. Every use case checks its own call once more.
    ///
    /// # Errors
    ///
    /// When the caller may not do this.
    pub fn check(&self, context: &CallContext, action: Action, resource: Resource) -> Result<(), AccessError> {
        self.shared.access.check(context, action, resource).map(drop)
    }

    /// How many bytes of answers wait for their readers, over all tenants.
    ///
    /// # Errors
    ///
    /// When the caller may not read that.
    pub fn unread_bytes(&self, context: &CallContext) -> Result<u64, AccessError> {
        self.check(context, Action::ReadOperations, Resource::Platform)?;
        Ok(self.shared.unread.bytes())
    }

    /// The room for answers that wait for their readers. Takes no call: the server counts its own answers in it.
    #[must_use]
    pub fn unread(&self) -> &Unread {
        &self.shared.unread
    }

    /// The limits of the server. A tenant may have less: see [`Platform::limits`]. Takes no call: the process has set
    /// them itself, and no route tells them.
    #[must_use]
    pub fn options(&self) -> &ServiceOptions {
        &self.shared.options
    }

    /// The clock in use. Takes no call: it tells nothing of the platform.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    /// What is wrong with what deploys and invocations need, at most one trouble a part; told within three seconds.
    /// Those who ask at one time get one answer.
    ///
    /// Takes no call, and asks no policy: `/readyz` is served without a credential. It tells nothing of a tenant.
    pub async fn troubles(&self) -> Vec<Trouble> {
        self.shared.health.troubles().await
    }

    /// Whether this process had too few descriptors left when that was last looked at. A server then ends the
    /// connections that it has answered: a client that keeps its own keeps others from being accepted.
    #[must_use]
    pub fn is_short_of_descriptors(&self) -> bool {
        self.shared.health.is_short_of_descriptors()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A request has failed, and that is not its sender's doing; what is to be logged of it. `kind` tells failures
    /// apart. Takes no call: the process notes its own failures.
    #[must_use]
    pub fn failed(&self, kind: &str) -> Telling {
        self.shared.failed(kind)
    }
}

impl Shared {
    /// A failure of ours; what is to be logged of it. Whether it lasts is found out.
    pub(crate) fn failed(&self, kind: &str) -> Telling {
        self.health.failed(kind)
    }
}
