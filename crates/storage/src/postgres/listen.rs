//! Receives changes of workers made by any server or by hand, with `LISTEN` on a separate connection.
//!
//! A trigger sends notifications about changes of state (see `migrations/postgres`), and the statement that records
//! invocations sends its own. Changes between the end of one connection and the start of the next are missed; the
//! listener reports that. A pooler that assigns connections per transaction does not forward notifications. To detect
//! that, we send a notification to ourselves; if it does not arrive, the listener reports at regular intervals that
//! changes may have been missed.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Socket};
use tracing::{debug, info, warn};
use uuid::Uuid;
use workers_domain::SnapshotId;
use workers_domain::ports::{LastInvocation, StoredChange, StoredChanges};

use super::channel::RustlsConnector;
use super::connect::CONNECT_TIMEOUT;
use crate::error::chain;

/// Number of changes that are buffered for the receiver. When the buffer is full, we stop reading the connection, and
/// Postgres keeps further ones.
const BACKLOG: usize = 1024;

/// The shortest and the longest pause between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often we test that notifications arrive, and how long the test may take.
const SELF_TEST_INTERVAL: Duration = Duration::from_secs(30);
const SELF_TEST_TIMEOUT: Duration = Duration::from_secs(10);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A stream of changes. Dropping it closes its connection.
pub(super) struct PgChanges {
    changes: mpsc::Receiver<StoredChange>,
    task: AbortHandle,
}

/// Starts listening.
pub(super) fn listen(config: Config, tls: Option<RustlsConnector>, runtime: &Handle) -> PgChanges {
    let (sender, changes) = mpsc::channel(BACKLOG);
    let task = runtime.spawn(keep_listening(config, tls, sender)).abort_handle();
    PgChanges { changes, task }
}

impl Drop for PgChanges {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl StoredChanges for PgChanges {
    async fn next(&mut self) -> StoredChange {
        match self.changes.recv().await {
            Some(change) => change,
            // The runtime is shutting down.
            None => std::future::pending().await,
        }
    }
}

async fn keep_listening(config: Config, tls: Option<RustlsConnector>, changes: mpsc::Sender<StoredChange>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let began = tokio::time::Instant::now();
        let ended = match tls.clone() {
            Some(tls) => listen_once(&config, tls, &changes).await,
            None => listen_once(&config, NoTls, &changes).await,
        };
        // Only a dropped receiver ends the listening without an error.
        let Err(error) = ended else { return };
        debug!(error = %chain(&*error), "not listening for changes by other servers; connecting again");
        // A connection that lasted so long has worked, so its end is a new failure and not one more of a series.
        pause = if began.elapsed() > SELF_TEST_INTERVAL { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        tokio::time::sleep(pause).await;
    }
}

/// Listens until the connection ends, which is an error, or until the receiver is dropped.
async fn listen_once<T>(config: &Config, tls: T, changes: &mpsc::Sender<StoredChange>) -> Result<(), Failure>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = tokio::time::timeout(CONNECT_TIMEOUT, config.connect(tls)).await??;
    let (notifications, mut inbox) = mpsc::channel(BACKLOG);
    // Both halves are one future, so that dropping the stream of changes ends the connection too.
    let reading = pin!(read(connection, notifications));
    let taking = pin!(take(client, &mut inbox, changes));
    match select(reading, taking).await {
        Either::Left((ended, _)) | Either::Right((ended, _)) => ended,
    }
}

/// Forwards notifications, and drives the connection for the statements sent on it.
async fn read<S, T>(mut connection: Connection<S, T>, notifications: mpsc::Sender<String>) -> Result<(), Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message?
            && notifications.send(notification.payload().to_owned()).await.is_err()
        {
            return Ok(());
        }
    }
    Err("the server has ended the connection".into())
}

async fn take(
    client: Client,
    inbox: &mut mpsc::Receiver<String>,
    changes: &mpsc::Sender<StoredChange>,
) -> Result<(), Failure> {
    client.batch_execute("LISTEN workers_changes").await?;
    // Changes before this point are unknown.
    if changes.send(StoredChange::Missed).await.is_err() {
        return Ok(());
    }
    let mut self_tests = tokio::time::interval(SELF_TEST_INTERVAL);
    // In a burst of missed ticks, each self-test would count as failed before its notification could arrive.
    self_tests.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut self_test = SelfTest::default();
    loop {
        tokio::select! {
            payload = inbox.recv() => {
                let Some(payload) = payload else { return Ok(()) };
                if self_test.is_self_test(&payload) {
                    continue;
                }
                if changes.send(read_payload(&payload)).await.is_err() {
                    return Ok(());
                }
            }
            _ = self_tests.tick() => {
                if self_test.has_failed() {
                    self_test.log_failure();
                    if changes.send(StoredChange::Missed).await.is_err() {
                        return Ok(());
                    }
                }
                let statement = self_test.begin();
                // `read` stops while the inbox is full, and this statement waits with it, because the inbox is not
                // emptied here. The limit then leads to a new connection.
                tokio::time::timeout(SELF_TEST_TIMEOUT, client.batch_execute(&statement)).await??;
            }
        }
    }
}

/// A notification to ourselves that shows whether notifications arrive.
#[derive(Default)]
struct SelfTest {
    awaited: Option<String>,
    was_logged: bool,
}

impl SelfTest {
    /// Starts a new test, and returns the statement for it.
    fn begin(&mut self) -> String {
        let payload = format!("t{}", Uuid::new_v4());
        let statement = format!("SELECT pg_notify('workers_changes', '{payload}')");
        self.awaited = Some(payload);
        statement
    }

    /// Returns whether this is a test notification, our own or that of another server.
    fn is_self_test(&mut self, payload: &str) -> bool {
        if self.awaited.as_deref() == Some(payload) {
            self.awaited = None;
        }
        payload.starts_with('t')
    }

    /// Returns whether the test notification has not arrived.
    fn has_failed(&self) -> bool {
        self.awaited.is_some()
    }

    fn log_failure(&mut self) {
        if !std::mem::replace(&mut self.was_logged, true) {
            info!(
                "the database's notifications do not arrive, as through a pooler that lends connections by the \
                 transaction; what other servers change is looked for every {} s",
                SELF_TEST_INTERVAL.as_secs()
            );
        }
    }
}

/// Length of an id in its hyphenated form.
const ID: usize = uuid::fmt::Hyphenated::LENGTH;

/// Parses a notification. `C` (changed) and `D` (deleted) are followed by the worker's tenant, its id, and the snapshot
/// that is no longer needed, if any. `I` (invoked) is followed by a tenant and pairs of microseconds since 1970 and
/// ids, in the form `1763890000000000@<id>,`. Earlier versions sent lower-case letters, and no tenant.
fn read_payload(payload: &str) -> StoredChange {
    let read = || {
        let (kind, rest) = payload.split_at_checked(1)?;
        let (tenant, rest) = rest.split_at_checked(ID)?;
        let tenant = tenant.parse::<Uuid>().ok()?.into();
        if kind == "I" {
            let invocations = rest.split_terminator(',').map(read_invocation).collect::<Option<_>>()?;
            return Some(StoredChange::Invoked { tenant, invocations });
        }
        let (id, snapshot) = rest.split_at_checked(ID)?;
        let id = id.parse().ok()?;
        let unneeded = (!snapshot.is_empty()).then(|| SnapshotId::new(snapshot));
        match kind {
            "C" => Some(StoredChange::Changed { tenant, id, unneeded }),
            "D" => Some(StoredChange::Removed { tenant, id, unneeded }),
            _ => None,
        }
    };
    let change = read();
    if change.is_none() {
        warn!(payload, "a notification of the database cannot be read; it is taken for a change that was missed");
    }
    change.unwrap_or(StoredChange::Missed)
}

fn read_invocation(text: &str) -> Option<LastInvocation> {
    let (at, id) = text.split_once('@')?;
    Some(LastInvocation { worker_id: id.parse().ok()?, at: DateTime::from_timestamp_micros(at.parse().ok()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_notification_is_read() {
        let text = "0193579b-0000-7000-8000-000000000001";
        let id = text.parse().unwrap();
        let tenant = Uuid::from_u128(7).into();
        let unneeded = Some(SnapshotId::new("snap_1"));
        let at = DateTime::from_timestamp_micros(1_763_890_000_000_001).unwrap();
        let (invocation, at_text) = (LastInvocation { worker_id: id, at }, "1763890000000001");
        for (payload, expected) in [
            (format!("C{tenant}{text}"), StoredChange::Changed { tenant, id, unneeded: None }),
            (format!("C{tenant}{text}snap_1"), StoredChange::Changed { tenant, id, unneeded: unneeded.clone() }),
            (format!("D{tenant}{text}snap_1"), StoredChange::Removed { tenant, id, unneeded }),
            (format!("I{tenant}{at_text}@{text},"), StoredChange::Invoked { tenant, invocations: vec![invocation] }),
            (
                format!("I{tenant}{at_text}@{text},{at_text}@{text},"),
                StoredChange::Invoked { tenant, invocations: vec![invocation; 2] },
            ),
        ] {
            assert_eq!(read_payload(&payload), expected, "{payload}");
        }
    }

    #[test]
    fn what_cannot_be_read_counts_as_missed() {
        let id = "0193579b-0000-7000-8000-000000000001";
        for payload in
            ["", "C", "Cé", "x", "C0193579b", &format!("C{id}"), &format!("Cx{id}{id}"), &format!("x{id}{id}")]
        {
            assert_eq!(read_payload(payload), StoredChange::Missed, "{payload}");
        }
        for invocations in ["1@x,", "zwei@0193579b-0000-7000-8000-000000000001,"] {
            assert_eq!(read_payload(&format!("I{id}{invocations}")), StoredChange::Missed, "{invocations}");
        }
        for earlier in [format!("c{id}"), format!("d{id}snap_1"), format!("i1763890000000001@{id},")] {
            assert_eq!(read_payload(&earlier), StoredChange::Missed, "{earlier}");
        }
    }
}
