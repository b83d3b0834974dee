//! The pool of connections to Postgres. Each is lent to one query or one transaction at a time.
//!
//! A query takes an idle connection, or waits for the first one that becomes available: one that another query returns,
//! or one that is opened for it. So a query does not fail because the server refuses a new connection while others
//! exist.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::Instant;
use tokio_postgres::Config;
use tracing::Instrument;
use workers_domain::ports::RepositoryError;

use super::channel::RustlsConnector;
use super::client::PgClient;
use super::connect::{ConnectFailure, connect};
use super::listen::{PgChanges, listen};
use super::tls;
use super::url::PostgresUrl;
use crate::error::{ConnectError, unavailable};
use crate::options::StorageOptions;

/// How long we open no further connection after the server has refused one because there are too many: if we have other
/// connections, and if we have none.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);
const REFUSED_PAUSE_ALONE: Duration = Duration::from_millis(200);

/// Minimum time between two replacements of all connections, which happen because one of them cannot write.
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);

/// Lends connections, at most a fixed number at a time. A lost connection is replaced at its next use, so the pool
/// recovers from a restart of the database. Cheap to clone.
#[derive(Clone)]
pub(super) struct PgPool {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    tls: Option<RustlsConnector>,
    max_connections: usize,
    /// Limits the number of lists that are read at the same time. They take long, and must leave connections to other
    /// queries.
    lists: Semaphore,
    acquire_timeout: Duration,
    statement_timeout: Duration,
    transaction_timeout: Duration,
    /// The runtime that connections live on. The threads of a web server have their own runtimes, which may end sooner.
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<PgClient>,
    /// Callers that wait for a connection, in order.
    waiters: VecDeque<oneshot::Sender<Result<PooledConnection, RepositoryError>>>,
    /// Number of connections that exist or are being opened.
    open: usize,
    /// Number of connections that are being opened.
    connecting: usize,
    /// The server's last refusal of a connection, and until when we do not try again.
    refused: Option<Refusal>,
    /// The current generation. Connections of earlier generations are not used any more.
    generation: u64,
    renewed_at: Option<Instant>,
}

struct Refusal {
    until: Instant,
    message: String,
}

/// A connection that is lent to a caller. When dropped, it returns to the pool, or is closed if it is not usable any
/// more.
pub(super) struct PooledConnection {
    /// Always `Some` until this is dropped.
    connection: Option<PgClient>,
    pool: PgPool,
}

impl PgPool {
    pub(super) fn new(url: &PostgresUrl, options: &StorageOptions) -> Result<Self, ConnectError> {
        let shared = Shared {
            config: url.config.clone(),
            tls: tls::connector(url)?,
            max_connections: options.max_connections.max(1),
            lists: Semaphore::new(options.max_listing()),
            acquire_timeout: options.acquire_timeout,
            statement_timeout: options.statement_timeout,
            transaction_timeout: options.transaction_timeout_on_postgres(),
            runtime: Handle::current(),
            state: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Returns the maximum number of connections.
    pub(super) fn max_connections(&self) -> usize {
        self.shared.max_connections
    }

    /// Returns the runtime that connections and their queries run on.
    pub(super) fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }

    /// Returns how long a statement may take.
    pub(super) fn statement_timeout(&self) -> Duration {
        self.shared.statement_timeout
    }

    /// Returns how long a transaction may stay open.
    pub(super) fn transaction_timeout(&self) -> Duration {
        self.shared.transaction_timeout
    }

    /// Starts to listen for changes, on a connection that is not part of the pool.
    pub(super) fn listen(&self) -> PgChanges {
        listen(self.shared.config.clone(), self.shared.tls.clone(), &self.shared.runtime)
    }

    /// Waits for permission to read a list. It lasts until the permit is dropped.
    ///
    /// # Errors
    ///
    /// If other lists did not end in time.
    pub(super) async fn list_permit(&self) -> Result<SemaphorePermit<'_>, RepositoryError> {
        let patience = self.shared.acquire_timeout;
        let Ok(permit) = tokio::time::timeout(patience, self.shared.lists.acquire()).await else {
            return Err(unavailable(format!("other lists were read for {patience:?}")));
        };
        permit.map_err(unavailable)
    }

    /// Lends a connection.
    ///
    /// # Errors
    ///
    /// If no connection can be opened, or none became free in time.
    pub(super) async fn acquire(&self) -> Result<PooledConnection, RepositoryError> {
        let receiver = match self.take_idle() {
            Ok(pooled) => return Ok(pooled),
            Err(receiver) => receiver,
        };
        match tokio::time::timeout(self.shared.acquire_timeout, receiver).await {
            Ok(Ok(pooled)) => pooled,
            Ok(Err(closed)) => Err(unavailable(closed)),
            Err(_) => {
                let waited = format!("no connection became free within {:?}", self.shared.acquire_timeout);
                // If the server has refused connections meanwhile, its own words say why none became free.
                let refusal = self.lock().refused.as_ref().map(|refusal| refusal.message.clone());
                Err(unavailable(refusal.map_or_else(|| waited.clone(), |refusal| format!("{waited}: {refusal}"))))
            }
        }
    }

    /// Replaces all connections, unless that happened a moment ago. Sessions that began while the server was read-only
    /// may continue to refuse writes. Returns whether a connection acquired now is newer than `generation`.
    pub(super) fn renew(&self, generation: u64) -> bool {
        let mut state = self.lock();
        // Another caller has replaced the connections since.
        if generation < state.generation {
            return true;
        }
        if state.renewed_at.is_some_and(|at| at.elapsed() < RENEWAL_PAUSE) {
            return false;
        }
        state.generation += 1;
        state.renewed_at = Some(Instant::now());
        // Lent connections of earlier generations are closed when they come back (`put_back`).
        let old = std::mem::take(&mut state.idle);
        state.open -= old.len();
        self.connect_for_waiters(&mut state);
        drop(state);
        true
    }

    /// Returns the generation of connections that are opened now.
    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an idle connection, or a receiver for the next available one.
    fn take_idle(&self) -> Result<PooledConnection, oneshot::Receiver<Result<PooledConnection, RepositoryError>>> {
        let mut state = self.lock();
        while let Some(connection) = state.idle.pop() {
            if connection.is_usable() {
                drop(state);
                return Ok(self.wrap(connection));
            }
            state.open -= 1;
        }
        let (sender, receiver) = oneshot::channel();
        state.waiters.push_back(sender);
        self.connect_for_waiters(&mut state);
        Err(receiver)
    }

    fn wrap(&self, connection: PgClient) -> PooledConnection {
        PooledConnection { connection: Some(connection), pool: self.clone() }
    }

    /// Opens as many connections as callers wait for and the limit allows.
    fn connect_for_waiters(&self, state: &mut State) {
        // Callers that have given up must cause no connection.
        state.waiters.retain(|waiter| !waiter.is_closed());
        let is_refused = state.refused.as_ref().is_some_and(|refusal| Instant::now() < refusal.until);
        while !is_refused && state.connecting < state.waiters.len() && state.open < self.shared.max_connections {
            state.open += 1;
            state.connecting += 1;
            let (pool, generation) = (self.clone(), state.generation);
            // A task of its own, because a caller that gives up must not break off a log-in that the next caller can
            // use.
            let connecting = async move {
                let connected = connect(&pool.shared.config, pool.shared.tls.clone(), generation).await;
                pool.connected(connected);
            };
            self.shared.runtime.spawn(connecting.in_current_span());
        }
    }

    /// Handles the result of opening a connection.
    fn connected(&self, connected: Result<PgClient, ConnectFailure>) {
        let mut state = self.lock();
        state.connecting -= 1;
        match connected {
            Ok(connection) => {
                // The server has room again, so the pause ends at once.
                state.refused = None;
                drop(state);
                self.put_back(connection);
            }
            Err(ConnectFailure::TooMany(message)) => {
                state.open -= 1;
                let pause = if state.open > 0 { REFUSED_PAUSE } else { REFUSED_PAUSE_ALONE };
                let now = Instant::now();
                // If several connections are refused at the same time, the first one decides how long the pause is, and
                // serves the waiters when it ends.
                let current = state.refused.as_ref().map(|refusal| refusal.until).filter(|until| now < *until);
                let (is_first, until) = (current.is_none(), current.unwrap_or(now + pause));
                state.refused = Some(Refusal { until, message });
                drop(state);
                if is_first {
                    let pool = self.clone();
                    self.shared.runtime.spawn(async move {
                        tokio::time::sleep_until(until).await;
                        pool.connect_for_waiters(&mut pool.lock());
                    });
                }
            }
            Err(ConnectFailure::Other(error)) => {
                state.open -= 1;
                // One failure goes to one caller. The others get a new attempt, as long as they wait.
                let waiter = state.waiters.pop_front();
                self.connect_for_waiters(&mut state);
                drop(state);
                if let Some(waiter) = waiter {
                    // The caller may have gone; then the error is not needed.
                    let _ = waiter.send(Err(unavailable(error)));
                }
            }
        }
    }

    /// Takes a connection back: gives it to the first waiter, or keeps it as idle.
    fn put_back(&self, mut connection: PgClient) {
        loop {
            let mut state = self.lock();
            if !connection.is_usable() || connection.generation() < state.generation {
                state.open -= 1;
                self.connect_for_waiters(&mut state);
                return;
            }
            let Some(waiter) = state.waiters.pop_front() else {
                state.idle.push(connection);
                return;
            };
            // Released first, because dropping a `PooledConnection` takes this lock.
            drop(state);
            match waiter.send(Ok(self.wrap(connection))) {
                // The waiter has gone; try the next one.
                Err(Ok(mut pooled)) => match pooled.connection.take() {
                    Some(back) => connection = back,
                    None => return,
                },
                Ok(()) | Err(Err(_)) => return,
            }
        }
    }
}

impl PooledConnection {
    /// Returns the connection. It is always `Some`.
    pub(super) fn connection(&self) -> Option<&PgClient> {
        self.connection.as_ref()
    }

    /// Removes the connection from the pool permanently.
    pub(super) fn detach(mut self) -> Option<PgClient> {
        let connection = self.connection.take();
        if connection.is_some() {
            let mut state = self.pool.lock();
            state.open -= 1;
            self.pool.connect_for_waiters(&mut state);
        }
        connection
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        self.pool.put_back(connection);
    }
}
