//! Both groups of use cases, wired.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use workers_domain::Trouble;
use workers_domain::ports::{Clock, SandboxProvider, Store, SystemClock};

use crate::bundle::Bundler;
use crate::health::Health;
use crate::invocations::{InvocationService, LastInvoked};
use crate::workers::{ChangeFeed, Settler, Turns, WorkerService, follow};
use crate::{Compiler, InProcessCompiler, InvocationObserver, NoObserver, ServiceOptions, Telling, Unread};

/// Both groups of use cases over one store and one sandbox provider. Cheap to clone. Must be made within a tokio
/// runtime, on which its background work runs.
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

impl Platform {
    /// A platform with the machine's clock, nobody to observe it, and the compiler in this process.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, sandboxes: Arc<dyn SandboxProvider>, options: ServiceOptions) -> Self {
        Self::with_observer(store, sandboxes, Arc::new(SystemClock), Arc::new(NoObserver), options)
    }

    /// A platform with a clock and an observer of the caller's, and the compiler in this process.
    #[must_use]
    pub fn with_observer(
        store: Arc<dyn Store>,
        sandboxes: Arc<dyn SandboxProvider>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn InvocationObserver>,
        options: ServiceOptions,
    ) -> Self {
        Self::with_compiler(store, sandboxes, Arc::new(InProcessCompiler::new()), clock, observer, options)
    }

    /// A platform of which every part is the caller's choice. Code of strangers is for a compiler in a process of its
    /// own.
    #[must_use]
    pub fn with_compiler(
        store: Arc<dyn Store>,
        sandboxes: Arc<dyn SandboxProvider>,
        compiler: Arc<dyn Compiler>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn InvocationObserver>,
        options: ServiceOptions,
    ) -> Self {
        let health =
            Health::start(Arc::clone(&store), Arc::clone(&sandboxes), Arc::clone(&compiler), Arc::clone(&observer));
        let (bundler, runtime) = (Bundler::new(compiler), Handle::current());
        let (changes, following) = (ChangeFeed::new(), CancellationToken::new());
        let settler = {
            let (store, sandboxes) = (Arc::clone(&store), Arc::clone(&sandboxes));
            Settler::start(store, sandboxes, changes.clone(), Arc::clone(&health))
        };
        let unread = Unread::new(options.max_unread_bytes);
        let shared = Arc::new(Shared {
            store,
            sandboxes,
            clock,
            observer,
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
        Self {
            workers: WorkerService::new(Arc::clone(&shared)),
            invocations: InvocationService::new(Arc::clone(&shared), last_invoked),
            shared,
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

    /// The room for answers that wait for their readers.
    #[must_use]
    pub fn unread(&self) -> &Unread {
        &self.shared.unread
    }

    /// The limits in force.
    #[must_use]
    pub fn options(&self) -> &ServiceOptions {
        &self.shared.options
    }

    /// The clock in use.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    /// What is wrong with what deploys and invocations need, at most one trouble a part; told within three seconds.
    /// Those who ask at one time get one answer.
    pub async fn troubles(&self) -> Vec<Trouble> {
        self.shared.health.troubles().await
    }

    /// A request has failed, and that is not its sender's doing; what is to be logged of it. `kind` tells failures
    /// apart.
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
