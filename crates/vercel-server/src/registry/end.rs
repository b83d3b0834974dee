//! The end of a session, and of a sandbox.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use workers_domain::ports::SandboxError;

use super::Registry;
use super::tables::{Live, View};
use crate::error::{ApiError, ErrorCode, chain};
use crate::id;
use crate::model::{
    CreationMethod, Millis, SandboxKey, SandboxRecord, SessionRecord, SessionStatus, SnapshotRecord, SnapshotStatus,
};
use crate::store::Kind;

/// How long a machine may take to be frozen: some gigabytes on a slow disk. One that takes longer is given up.
const SNAPSHOT_TIME: Duration = Duration::from_mins(2);

/// How long a machine may take to be stopped, which is killed without being asked.
const STOP_TIME: Duration = Duration::from_secs(30);

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As its owner asked, or because its time is over. A persistent sandbox keeps its files.
    Stop,
    /// In a snapshot that its owner asked for, with how long it is kept in milliseconds.
    Snapshot(Option<u64>),
    /// With the sandbox.
    Delete,
    /// Its machine ended by itself.
    Broken,
}

/// A session that is over.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// The session.
    pub(crate) session: SessionRecord,
    /// Its sandbox, unless that is gone.
    pub(crate) view: Option<View>,
    /// The snapshot it ended in.
    pub(crate) snapshot: Option<SnapshotRecord>,
}

impl Registry {
    /// Stops a session. One that is over stays so.
    pub(crate) async fn stop(self: &Arc<Self>, team: &str, id: &str) -> Result<Ended, ApiError> {
        let before = self.find_session(team, id)?;
        let is_kept = self.tables().view(&before.sandbox).is_some_and(|view| view.sandbox.persistent);
        if is_kept && !before.status.has_ended() {
            self.check_room(id).await?;
        }
        let snapshot = self.end(id, End::Stop).await;
        self.store.flushed().await;
        let session = self.find_session(team, id)?;
        if is_kept && !before.status.has_ended() && session.status == SessionStatus::Failed {
            return Err(not_taken());
        }
        let view = self.tables().view(&session.sandbox).filter(|view| view.sandbox.file == session.sandbox_file);
        Ok(Ended { session, view, snapshot })
    }

    /// Takes a snapshot of a session, which ends it.
    pub(crate) async fn snapshot(
        self: &Arc<Self>,
        team: &str,
        id: &str,
        expiration: Option<u64>,
    ) -> Result<Ended, ApiError> {
        self.live(team, id)?;
        self.check_room(id).await?;
        let snapshot = self.end(id, End::Snapshot(expiration)).await;
        self.store.flushed().await;
        let session = self.find_session(team, id)?;
        match snapshot {
            Some(snapshot) => Ok(Ended { session, view: None, snapshot: Some(snapshot) }),
            None if session.status == SessionStatus::Failed => Err(not_taken()),
            // Somebody else ended it first.
            None => Err(ApiError::stopped()),
        }
    }

    /// Refuses what would end a session for a snapshot that there is no room for: its owner may make some.
    async fn check_room(&self, id: &str) -> Result<(), ApiError> {
        let live = self.tables().live.get(id).cloned();
        let Some(live) = live else { return Ok(()) };
        live.session.machine().check_room().await.map_err(|error| {
            tracing::warn!(error = chain(&error), session.id = id, "there is no room for a snapshot");
            let message = "There is no room for a snapshot on the server's disk; the session goes on. Delete snapshots or files and try again.";
            ApiError::new(ErrorCode::SnapshotFailed, message)
        })
    }

    /// Removes a sandbox, and with it its session; its snapshots only if they are asked for and nobody else needs them.
    pub(crate) async fn delete(self: &Arc<Self>, key: &SandboxKey, snapshots: bool) -> Result<View, ApiError> {
        let (file, transition) = {
            let tables = self.tables();
            let entry = tables.sandboxes.get(key).ok_or_else(|| super::read::not_found(key))?;
            (entry.record.file.clone(), Arc::clone(&entry.transition))
        };
        let _excluded = transition.lock().await;
        let current = self.find(key)?;
        if current.sandbox.file != file {
            return Err(super::read::not_found(key));
        }
        let live = self.tables().live.get(&current.session.id).cloned();
        if let Some(live) = live {
            self.end_excluded(&live, End::Delete).await;
        }
        let view = self.find(key)?;
        let now = self.now();
        let gone = {
            let mut tables = self.tables();
            tables.sandboxes.remove(key);
            tables.store.remove(Kind::Sandbox, &file);
            // Its sessions are remembered for a while, for those who still hold them.
            let sessions: Vec<_> = tables
                .sessions
                .values()
                .filter(|session| session.sandbox_file == file)
                .map(|session| session.id.clone())
                .collect();
            for id in sessions {
                tables.store.remove(Kind::Session, &id);
            }
            let mut own = Vec::new();
            if snapshots {
                own.extend(
                    tables
                        .snapshots
                        .values()
                        .filter(|snapshot| snapshot.sandbox_file == file)
                        .map(|snapshot| snapshot.id.clone()),
                );
                own.retain(|id| !tables.is_needed_elsewhere(id, &file));
            }
            tables.delete_snapshots(&own, now)
        };
        self.remove_from_provider(gone);
        self.store.flushed().await;
        tracing::info!(sandbox.name = key.name, "a sandbox was deleted");
        Ok(view)
    }

    /// Ends a session, unless it is over; says in which snapshot.
    pub(super) async fn end(self: &Arc<Self>, id: &str, how: End) -> Option<SnapshotRecord> {
        let live = self.tables().live.get(id).cloned()?;
        let _excluded = live.transition.lock().await;
        if !self.tables().live.contains_key(id) {
            return None;
        }
        self.end_excluded(&live, how).await
    }

    /// Ends a session while its sandbox's transition is excluded.
    async fn end_excluded(self: &Arc<Self>, live: &Live, how: End) -> Option<SnapshotRecord> {
        let id = live.session.id();
        let now = self.now();
        let (session, sandbox) = {
            let mut tables = self.tables();
            let session = tables.change_session(id, now, |session| {
                session.requested_stop_at = Some(now);
                session.status = match how {
                    End::Snapshot(_) => SessionStatus::Snapshotting,
                    End::Stop | End::Delete | End::Broken => SessionStatus::Stopping,
                };
            })?;
            let sandbox = tables.sandbox_of(&session).cloned();
            (session, sandbox)
        };
        live.session.close();
        let (status, snapshot) = match (how, &sandbox) {
            (End::Stop, Some(sandbox)) if sandbox.persistent => {
                self.freeze(live, &session, sandbox, CreationMethod::Automatic, None).await
            }
            (End::Snapshot(expiration), Some(sandbox)) => {
                self.freeze(live, &session, sandbox, CreationMethod::Manual, expiration).await
            }
            (End::Stop | End::Delete | End::Snapshot(_), _) => (self.stop_machine(live).await, None),
            (End::Broken, _) => {
                tracing::warn!(session.id = id, "a session's machine ended by itself");
                self.stop_machine(live).await;
                (SessionStatus::Failed, None)
            }
        };
        self.note_end(&session, status, snapshot.as_ref());
        let directory = live.session.directory().clone();
        // Readers of logs have their files open.
        self.runtime.spawn(async move {
            if let Err(error) = tokio::fs::remove_dir_all(&directory).await {
                tracing::warn!(error = chain(&error), "the output of a session cannot be removed");
            }
        });
        tracing::info!(session.id = id, status = status.as_str(), "a session ended");
        snapshot
    }

    /// Takes a snapshot, and makes it known before anybody could take it for one that nobody needs.
    async fn freeze(
        self: &Arc<Self>,
        live: &Live,
        session: &SessionRecord,
        sandbox: &SandboxRecord,
        method: CreationMethod,
        expiration: Option<u64>,
    ) -> (SessionStatus, Option<SnapshotRecord>) {
        let _not_removed = self.freezes.begin();
        let frozen = match timeout(SNAPSHOT_TIME, live.session.machine().snapshot()).await {
            Ok(Ok(frozen)) => frozen,
            failed => {
                let error = failed.map_or_else(|_| "it took too long".to_owned(), |failed| chain_of(failed.err()));
                tracing::error!(error, session.id = session.id, "failed to take a snapshot");
                self.stop_machine(live).await;
                return (SessionStatus::Failed, None);
            }
        };
        let now = self.now();
        let kept = sandbox.keep_last.and_then(|keep| keep.expiration);
        let record = SnapshotRecord {
            id: id::snapshot(),
            provider_id: frozen.id.as_str().to_owned(),
            sandbox: sandbox.key.clone(),
            sandbox_file: sandbox.file.clone(),
            source_session: session.id.clone(),
            parent: session.source_snapshot.clone(),
            status: SnapshotStatus::Created,
            size_bytes: frozen.size_bytes,
            region: session.region.clone(),
            creation_method: method,
            expiration: expiration.or(kept).unwrap_or_else(|| self.default_expiration(sandbox)),
            created_at: now,
            updated_at: now,
            last_used_at: now,
        };
        let mut tables = self.tables();
        tables.snapshots.insert(record.id.clone(), record.clone());
        tables.save_snapshot(&record.id);
        (SessionStatus::Stopped, Some(record))
    }

    async fn stop_machine(&self, live: &Live) -> SessionStatus {
        let stopped = timeout(STOP_TIME, live.session.machine().stop()).await;
        if let Some(error) = stopped
            .map_or_else(|_| Some("it took too long".to_owned()), |stopped| stopped.err().map(|error| chain(&error)))
        {
            tracing::error!(error, session.id = live.session.id(), "a machine was not wholly removed");
        }
        SessionStatus::Stopped
    }

    /// Writes down that a session is over.
    fn note_end(self: &Arc<Self>, session: &SessionRecord, status: SessionStatus, snapshot: Option<&SnapshotRecord>) {
        let now = self.now();
        let mut tables = self.tables();
        tables.live.remove(&session.id);
        let ended = tables.change_session(&session.id, now, |session| {
            session.end(status, now);
            if snapshot.is_some() {
                session.snapshotted_at = Some(now);
            }
        });
        let duration = ended.as_ref().and_then(SessionRecord::duration).unwrap_or_default();
        if let Some(sandbox) = tables.sandbox_of(session) {
            sandbox.total_duration += duration;
            if let Some(snapshot) = snapshot {
                sandbox.current_snapshot = Some(snapshot.id.clone());
            }
        }
        tables.save_sandbox(&session.sandbox);
        tables.forget_sessions(&session.sandbox_file, self.options.session_history);
        drop(tables);
        if snapshot.is_some() {
            self.evict_snapshots(&session.sandbox, now);
        }
    }

    /// Ends everything, within the time for that; persistent sandboxes keep their files. Nothing begins any more.
    pub(crate) async fn shut_down(self: &Arc<Self>) {
        self.stopping.cancel();
        let all = u32::try_from(self.options.max_sessions).unwrap_or(u32::MAX);
        // Every session ends itself, and its place is free then.
        if timeout(self.options.shutdown_timeout, self.places.acquire_many(all)).await.is_err() {
            let left: Vec<Live> = self.tables().live.values().cloned().collect();
            tracing::warn!(sessions = left.len(), "sessions still run after the time to end; they are stopped");
            // Side by side: one that takes its time holds up no other.
            join_all(left.iter().map(|live| {
                live.session.close();
                self.stop_machine(live)
            }))
            .await;
            for live in left {
                let session = self.tables().sessions.get(live.session.id()).cloned();
                if let Some(session) = session {
                    self.note_end(&session, SessionStatus::Failed, None);
                }
            }
        }
        self.store.flushed().await;
    }
}

fn not_taken() -> ApiError {
    let message = "The snapshot could not be taken, and the session has ended without it.";
    ApiError::new(ErrorCode::SnapshotFailed, message)
}

fn chain_of(error: Option<SandboxError>) -> String {
    error.map(|error| chain(&error)).unwrap_or_default()
}

impl super::tables::Tables {
    /// Forgets the oldest sessions of a sandbox.
    fn forget_sessions(&mut self, file: &str, history: usize) {
        let mut ended: Vec<(Millis, String)> = self
            .sessions
            .values()
            .filter(|session| session.sandbox_file == file && session.status.has_ended())
            .map(|session| (session.requested_at, session.id.clone()))
            .collect();
        ended.sort();
        let excess = ended.len().saturating_sub(history.max(1));
        for (_, id) in ended.drain(..excess) {
            self.sessions.remove(&id);
            self.store.remove(Kind::Session, &id);
        }
    }
}
