//! The connections to Postgres, lent to one query or one transaction at a time.
//!
//! A query takes a connection that is idle, or waits for the first that comes: one that another query gives back, or
//! one that is made for it. So it does not fail for a connection that the server refuses while there are others.

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
use crate::database::StorageOptions;
use crate::error::{ConnectError, unavailable};

/// How long no further connection is asked for after the server has refused one because there are too many: with others
/// at hand, and with none.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);
const REFUSED_PAUSE_ALONE: Duration = Duration::from_millis(200);

/// How often all connections are replaced at most, because one of them cannot write.
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);

/// Hands out connections, at most a fixed number at a time. One that was lost is replaced when it is next asked for, so
/// the pool recovers by itself from a restart of the database. Cheap to clone.
#[derive(Clone)]
pub(super) struct PgPool {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    tls: Option<RustlsConnector>,
    max_connections: usize,
    /// How many lists may still begin: they take long, and leave connections to the rest.
    lists: Semaphore,
    acquire_timeout: Duration,
    statement_timeout: Duration,
    transaction_timeout: Duration,
    /// The threads of a web server have runtimes of their own, which come and go; connections outlive them.
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<PgClient>,
    /// Those who wait for a connection, in their order.
    waiters: VecDeque<oneshot::Sender<Result<Lent, RepositoryError>>>,
    /// Connections that are there or being made.
    open: usize,
    /// Those of them that are being made.
    connecting: usize,
    /// Why the server made none, and until when it is not asked again.
    refused: Option<Refusal>,
    /// Connections of an earlier generation are not used any more.
    generation: u64,
    renewed_at: Option<Instant>,
}

struct Refusal {
    until: Instant,
    message: String,
}

/// A connection for a while. Dropped, it goes back, or is given up if it is of no more use.
pub(super) struct Lent {
    /// Always there until it is dropped.
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

    /// How many connections there are at most.
    pub(super) fn max_connections(&self) -> usize {
        self.shared.max_connections
    }

    /// Where connections and what is asked of them live.
    pub(super) fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }

    /// How long a statement may take.
    pub(super) fn statement_timeout(&self) -> Duration {
        self.shared.statement_timeout
    }

    /// How long a transaction may be held.
    pub(super) fn transaction_timeout(&self) -> Duration {
        self.shared.transaction_timeout
    }

    /// Begins to listen for changes, on a connection that is not one of these.
    pub(super) fn listen(&self) -> PgChanges {
        listen(self.shared.config.clone(), self.shared.tls.clone(), &self.shared.runtime)
    }

    /// The right to read a list, for as long as it is kept.
    ///
    /// # Errors
    ///
    /// When other lists did not end in time.
    pub(super) async fn list_place(&self) -> Result<SemaphorePermit<'_>, RepositoryError> {
        let patience = self.shared.acquire_timeout;
        let Ok(place) = tokio::time::timeout(patience, self.shared.lists.acquire()).await else {
            return Err(unavailable(format!("other lists were read for {patience:?}")));
        };
        place.map_err(unavailable)
    }

    /// A connection for a while.
    ///
    /// # Errors
    ///
    /// When none can be made, or none became free in time.
    pub(super) async fn acquire(&self) -> Result<Lent, RepositoryError> {
        let receiver = match self.take_idle() {
            Ok(lent) => return Ok(lent),
            Err(receiver) => receiver,
        };
        match tokio::time::timeout(self.shared.acquire_timeout, receiver).await {
            Ok(Ok(lent)) => lent,
            Ok(Err(closed)) => Err(unavailable(closed)),
            Err(_) => {
                let waited = format!("no connection became free within {:?}", self.shared.acquire_timeout);
                let refusal = self.lock().refused.as_ref().map(|refusal| refusal.message.clone());
                Err(unavailable(refusal.map_or_else(|| waited.clone(), |refusal| format!("{waited}: {refusal}"))))
            }
        }
    }

    /// Replaces all connections, unless that was done a moment ago: sessions that were begun while the server took no
    /// writes may go on refusing them. Whether a connection that is asked for now is a newer one than that of this
    /// generation.
    pub(super) fn renew(&self, generation: u64) -> bool {
        let mut state = self.lock();
        if generation < state.generation {
            return true;
        }
        if state.renewed_at.is_some_and(|at| at.elapsed() < RENEWAL_PAUSE) {
            return false;
        }
        state.generation += 1;
        state.renewed_at = Some(Instant::now());
        let old = std::mem::take(&mut state.idle);
        state.open -= old.len();
        self.connect_for_waiters(&mut state);
        drop(state);
        true
    }

    /// The generation of connections that are made now.
    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is idle, or where the next one for this caller will arrive.
    fn take_idle(&self) -> Result<Lent, oneshot::Receiver<Result<Lent, RepositoryError>>> {
        let mut state = self.lock();
        while let Some(connection) = state.idle.pop() {
            if connection.is_usable() {
                drop(state);
                return Ok(self.lend(connection));
            }
            state.open -= 1;
        }
        let (sender, receiver) = oneshot::channel();
        state.waiters.push_back(sender);
        self.connect_for_waiters(&mut state);
        Err(receiver)
    }

    fn lend(&self, connection: PgClient) -> Lent {
        Lent { connection: Some(connection), pool: self.clone() }
    }

    /// Begins to make as many connections as are waited for and there may be.
    fn connect_for_waiters(&self, state: &mut State) {
        state.waiters.retain(|waiter| !waiter.is_closed());
        let is_refused = state.refused.as_ref().is_some_and(|refusal| Instant::now() < refusal.until);
        while !is_refused && state.connecting < state.waiters.len() && state.open < self.shared.max_connections {
            state.open += 1;
            state.connecting += 1;
            let (pool, generation) = (self.clone(), state.generation);
            let connecting = async move {
                let connected = connect(&pool.shared.config, pool.shared.tls.clone(), generation).await;
                pool.connected(connected);
            };
            self.shared.runtime.spawn(connecting.in_current_span());
        }
    }

    /// Takes what came of the making of a connection.
    fn connected(&self, connected: Result<PgClient, ConnectFailure>) {
        let mut state = self.lock();
        state.connecting -= 1;
        match connected {
            Ok(connection) => {
                state.refused = None;
                drop(state);
                self.give(connection);
            }
            Err(ConnectFailure::TooMany(message)) => {
                state.open -= 1;
                let pause = if state.open > 0 { REFUSED_PAUSE } else { REFUSED_PAUSE_ALONE };
                let now = Instant::now();
                // Of several at once the first decides how long the pause is, and looks after those who wait when it
                // ends.
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
                let waiter = state.waiters.pop_front();
                self.connect_for_waiters(&mut state);
                drop(state);
                if let Some(waiter) = waiter {
                    // One who has gone need not know.
                    let _ = waiter.send(Err(unavailable(error)));
                }
            }
        }
    }

    /// Takes a connection back: for the first who waits, or to be idle.
    fn give(&self, mut connection: PgClient) {
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
            drop(state);
            match waiter.send(Ok(self.lend(connection))) {
                // He has gone.
                Err(Ok(mut lent)) => match lent.connection.take() {
                    Some(back) => connection = back,
                    None => return,
                },
                Ok(()) | Err(Err(_)) => return,
            }
        }
    }
}

impl Lent {
    /// The connection; there always is one.
    pub(super) fn connection(&self) -> Option<&PgClient> {
        self.connection.as_ref()
    }

    /// Takes the connection out of the pool for good.
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

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        self.pool.give(connection);
    }
}
