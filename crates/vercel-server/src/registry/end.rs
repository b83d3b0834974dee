//! Ends sessions and deletes sandboxes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use tracing::Instrument as _;
use workers_domain::ports::{SandboxErrorKind, Snapshot};
use workers_domain::{Part, error_chain};

use super::Registry;
use super::tables::{LiveEntry, View};
use crate::error::{ApiError, ErrorCode};
use crate::id;
use crate::model::{
    CreationMethod, Millis, SandboxKey, SandboxRecord, SessionRecord, SessionStatus, SnapshotRecord, SnapshotStatus,
    Usage,
};
use crate::store::{Fault, Kind};

/// How long the provider may take to list its snapshots, which shows that the place for snapshots is there.
const LISTING_PATIENCE: Duration = Duration::from_secs(5);
/// How often a session that must end repeats that check while the place for snapshots is away.
const LISTING_PAUSE: Duration = Duration::from_millis(500);
/// How long such a session waits for the place to come back. After that its files are lost.
const LATE_PATIENCE: Duration = Duration::from_mins(1);

/// How long the provider may take to report the usage of a container that has ended.
const USAGE_PATIENCE: Duration = Duration::from_secs(3);

/// Why a session ends, which determines what happens to its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndReason {
    /// Its owner stops it. A persistent sandbox keeps its files; without room for them, the session goes on.
    Stop,
    /// Its time is over, or the server is shutting down. A persistent sandbox keeps its files if there is room for
    /// them.
    Late,
    /// Its owner takes a snapshot, which is kept for this many milliseconds.
    Snapshot(Option<u64>),
    /// Its sandbox is deleted.
    Delete,
    /// Its container ended unexpectedly.
    Broken,
}

/// The result of ending a session.
#[derive(Debug)]
pub(super) enum EndOutcome {
    /// The session has ended, with this snapshot if one was taken.
    Ended(Option<Box<SnapshotRecord>>),
    /// The session had already been ended by another caller.
    AlreadyEnded,
    /// The session has ended, without the snapshot that it should have ended in.
    NotKept,
    /// The session goes on: there is no room for the snapshot.
    Continues,
    /// The session goes on: snapshots cannot be stored now.
    Postponed,
}

/// Why no snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FreezeError {
    /// There is no room for it. The container goes on.
    NoRoom,
    /// The place where snapshots are stored is away. The container goes on.
    Away,
    /// Any other reason. Nothing can be recovered from the container.
    Failed,
}

/// A session that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// The session's record.
    pub(crate) session: SessionRecord,
    /// Its sandbox with the current session, unless the sandbox is deleted.
    pub(crate) view: Option<View>,
    /// The snapshot that it ended in.
    pub(crate) snapshot: Option<SnapshotRecord>,
}

impl Registry {
    /// Stops a session. A session that has ended stays as it is.
    #[tracing::instrument(name = "sessions.stop", skip_all, fields(session.id = id))]
    pub(crate) async fn stop(self: &Arc<Self>, team: &str, id: &str) -> Result<Ended, ApiError> {
        self.find_session(team, id)?;
        self.check_store().await?;
        let snapshot = kept(self.end(id, EndReason::Stop).await)?;
        let session = self.find_session(team, id)?;
        self.confirm_end(&session, snapshot.as_ref()).await?;
        // Another sandbox may have taken the name since, and its file tells the two apart.
        let view = self.tables().view(&session.sandbox).filter(|view| view.sandbox.file == session.sandbox_file);
        Ok(Ended { session, view, snapshot })
    }

    /// Takes a snapshot of a session, which ends it.
    #[tracing::instrument(name = "sessions.snapshot", skip_all, fields(session.id = id))]
    pub(crate) async fn snapshot(
        self: &Arc<Self>,
        team: &str,
        id: &str,
        expiration: Option<u64>,
    ) -> Result<Ended, ApiError> {
        self.live(team, id)?;
        self.check_store().await?;
        let snapshot = kept(self.end(id, EndReason::Snapshot(expiration)).await)?;
        let session = self.find_session(team, id)?;
        self.confirm_end(&session, snapshot.as_ref()).await?;
        // Without a snapshot, another caller ended the session first.
        let snapshot = snapshot.ok_or_else(ApiError::stopped)?;
        Ok(Ended { session, view: None, snapshot: Some(snapshot) })
    }

    /// Waits until the end of a session is on disk.
    async fn confirm_end(&self, session: &SessionRecord, snapshot: Option<&SnapshotRecord>) -> Result<(), ApiError> {
        let mut records = vec![(Kind::Session, session.id.as_str()), (Kind::Sandbox, session.sandbox_file.as_str())];
        records.extend(snapshot.map(|snapshot| (Kind::Snapshot, snapshot.id.as_str())));
        Ok(self.store.confirm(&records).await?)
    }

    /// Deletes a sandbox and its session. Deletes its snapshots too if `snapshots` is set and no other sandbox starts
    /// from them.
    #[tracing::instrument(name = "sandboxes.delete", skip_all, fields(sandbox.name = key.name))]
    pub(crate) async fn delete(self: &Arc<Self>, key: &SandboxKey, snapshots: bool) -> Result<View, ApiError> {
        self.find(key)?;
        self.check_store().await?;
        self.remove(key, snapshots).await
    }

    /// Does the same as [`delete`](Self::delete), without first checking that the store can be written.
    pub(super) async fn remove(self: &Arc<Self>, key: &SandboxKey, snapshots: bool) -> Result<View, ApiError> {
        let (file, transition) = {
            let tables = self.tables();
            let entry = tables.sandboxes.get(key).ok_or_else(|| super::read::not_found(key))?;
            (entry.record.file.clone(), Arc::clone(&entry.transition))
        };
        let _excluded = if let Ok(excluded) = timeout(self.options.stop_timeout, transition.lock()).await {
            excluded
        } else {
            // Its snapshot is being taken and that takes too long: abandon the container, so that the deletion can go
            // on.
            let stuck = self.find(key).ok().and_then(|view| self.tables().live.get(&view.session.id).cloned());
            if let Some(live) = stuck {
                live.session.abandon();
            }
            // `freeze_container` and `stop_container` give up a container that is abandoned, so this wait is short.
            transition.lock().await
        };
        let current = self.find(key)?;
        // While this task waited, the sandbox was deleted and another one took its name. That one must stay.
        if current.sandbox.file != file {
            return Err(super::read::not_found(key));
        }
        let live = self.tables().live.get(&current.session.id).cloned();
        if let Some(live) = live {
            self.end_excluded(&live, EndReason::Delete).await;
        }
        // Read again, because the end of the session has changed both records.
        let view = self.find(key)?;
        let now = self.now();
        let (own, gone) = {
            let mut tables = self.tables();
            tables.sandboxes.remove(key);
            tables.store.remove(Kind::Sandbox, &file);
            // The records of its sessions stay in memory for a while, for clients that still use their ids.
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
            (own.clone(), tables.delete_snapshots(&own, now))
        };
        let mut records = vec![(Kind::Sandbox, file.as_str())];
        records.extend(own.iter().map(|id| (Kind::Snapshot, id.as_str())));
        // Remove the records before the files, for the reason given in `delete_snapshot`.
        self.store.confirm(&records).await?;
        self.remove_from_provider(gone);
        tracing::info!(sandbox.name = key.name, "a sandbox was deleted");
        Ok(view)
    }

    /// Ends a session, unless it has ended.
    pub(super) async fn end(self: &Arc<Self>, id: &str, reason: EndReason) -> EndOutcome {
        let Some(live) = self.tables().live.get(id).cloned() else { return EndOutcome::AlreadyEnded };
        let _excluded = live.transition.lock().await;
        // Another task may have ended the session while this one waited for the lock.
        if !self.tables().live.contains_key(id) {
            return EndOutcome::AlreadyEnded;
        }
        self.end_excluded(&live, reason).await
    }

    /// Ends a session. The caller holds the transition lock of its sandbox.
    async fn end_excluded(self: &Arc<Self>, live: &LiveEntry, reason: EndReason) -> EndOutcome {
        let id = live.session.id();
        let now = self.now();
        let (session, sandbox) = {
            let mut tables = self.tables();
            // Set before the snapshot is taken: `live` then refuses new commands and files, which the snapshot would
            // miss.
            let session = tables.change_session(id, now, |session| {
                session.requested_stop_at = Some(now);
                session.status = match reason {
                    EndReason::Snapshot(_) => SessionStatus::Snapshotting,
                    EndReason::Stop | EndReason::Late | EndReason::Delete | EndReason::Broken => {
                        SessionStatus::Stopping
                    }
                };
            });
            let Some(session) = session else { return EndOutcome::AlreadyEnded };
            let sandbox = tables.sandbox_of(&session).cloned();
            (session, sandbox)
        };
        // No client repeats this end, so the server itself waits for a place that is away for a while.
        if reason == EndReason::Late && sandbox.as_ref().is_some_and(|sandbox| sandbox.persistent) {
            self.await_snapshots(live).await;
        }
        let frozen = match (reason, &sandbox) {
            (EndReason::Stop | EndReason::Late, Some(sandbox)) if sandbox.persistent => {
                Some(self.freeze(live, &session, sandbox, CreationMethod::Automatic, None).await)
            }
            (EndReason::Snapshot(expiration), Some(sandbox)) => {
                Some(self.freeze(live, &session, sandbox, CreationMethod::Manual, expiration).await)
            }
            _ => None,
        };
        let postponed = match &frozen {
            Some(Err(FreezeError::NoRoom)) => Some(EndOutcome::Continues),
            Some(Err(FreezeError::Away)) => Some(EndOutcome::Postponed),
            _ => None,
        };
        if let Some(postponed) = postponed
            && reason != EndReason::Late
        {
            // The owner can make room and try again; the commands are not affected.
            self.tables().change_session(id, self.now(), |session| {
                session.requested_stop_at = None;
                session.status = SessionStatus::Running;
            });
            return postponed;
        }
        live.session.close();
        let (status, is_gone, outcome) = match frozen {
            Some(Ok(snapshot)) => (SessionStatus::Stopped, true, EndOutcome::Ended(Some(Box::new(snapshot)))),
            Some(Err(_)) => {
                let is_gone = self.stop_container(live).await == SessionStatus::Stopped;
                (SessionStatus::Failed, is_gone, EndOutcome::NotKept)
            }
            None => {
                let status = self.stop_container(live).await;
                let is_gone = status == SessionStatus::Stopped;
                if reason == EndReason::Broken {
                    tracing::warn!(session.id = id, "a session's container ended by itself");
                    (SessionStatus::Failed, is_gone, EndOutcome::Ended(None))
                } else {
                    (status, is_gone, EndOutcome::Ended(None))
                }
            }
        };
        let snapshot = if let EndOutcome::Ended(snapshot) = &outcome { snapshot.as_deref() } else { None };
        let mut used = Usage::default();
        if is_gone {
            // Free the room first, so that a client that sees the end finds it free.
            live.session.release_permit();
            // Only a container that is gone has its final usage; one that may still run can use more.
            let usage = timeout(USAGE_PATIENCE, live.session.container().usage()).await;
            // An unknown usage is omitted in responses, and not shown as zero.
            used = usage.map(Usage::from).unwrap_or_default();
        }
        self.note_end(live, &session, status, used, snapshot);
        outcome
    }

    /// Takes a snapshot and puts its record into the tables. Until that is done, the session is in `freezing`, so that
    /// the sweep does not remove the snapshot as one without a record.
    async fn freeze(
        self: &Arc<Self>,
        live: &LiveEntry,
        session: &SessionRecord,
        sandbox: &SandboxRecord,
        method: CreationMethod,
        expiration: Option<u64>,
    ) -> Result<SnapshotRecord, FreezeError> {
        self.tables().freezing.insert(session.id.clone());
        let record = match self.freeze_container(live, session).await {
            Ok(frozen) => self.keep(frozen, session, sandbox, method, expiration).await,
            Err(error) => Err(error),
        };
        // The snapshot, if one was taken, now has its record.
        self.tables().freezing.remove(&session.id);
        record
    }

    /// Returns whether snapshots can be stored now. Callers check this first, because taking a snapshot that cannot be
    /// stored loses the container and its files.
    pub(super) async fn keeps_snapshots(&self) -> bool {
        match timeout(LISTING_PATIENCE, self.options.containers.snapshots()).await {
            Ok(Ok(_)) => true,
            // The caller logs the consequence.
            Ok(Err(error)) => {
                tracing::debug!(error = error_chain(&error), "snapshots cannot be kept now");
                false
            }
            Err(_) => false,
        }
    }

    /// Waits a limited time until snapshots can be stored again, for a session that must end now.
    async fn await_snapshots(&self, live: &LiveEntry) {
        let come_back = async {
            while !self.keeps_snapshots().await {
                tokio::time::sleep(LISTING_PAUSE).await;
            }
        };
        tokio::select! {
            _ = timeout(LATE_PATIENCE, come_back) => {}
            () = live.session.abandoned() => {}
        }
    }

    /// Takes the snapshot within [`snapshot_timeout`](crate::VercelServerOptions::snapshot_timeout).
    async fn freeze_container(&self, live: &LiveEntry, session: &SessionRecord) -> Result<Snapshot, FreezeError> {
        if !self.keeps_snapshots().await {
            tracing::error!(
                session.id = session.id,
                advice = Part::Files.advice(),
                "a snapshot cannot be taken: the place for snapshots is away"
            );
            return Err(FreezeError::Away);
        }
        let frozen = tokio::select! {
            frozen = timeout(self.options.snapshot_timeout, live.session.container().snapshot()) => frozen,
            () = live.session.abandoned() => {
                tracing::warn!(session.id = session.id, "no caller waits for a snapshot any more");
                // The provider may still complete it: the sweep must look for it.
                self.may_have_unknown.store(true, Ordering::Relaxed);
                return Err(FreezeError::Failed);
            }
        };
        match frozen {
            Ok(Ok(frozen)) => Ok(frozen),
            Ok(Err(error)) => {
                tracing::error!(
                    error = error_chain(&error),
                    session.id = session.id,
                    advice = Part::Sandboxes.advice(),
                    "failed to take a snapshot"
                );
                let is_full = error.kind == SandboxErrorKind::StorageFull;
                Err(if is_full { FreezeError::NoRoom } else { FreezeError::Failed })
            }
            Err(_) => {
                tracing::error!(
                    session.id = session.id,
                    advice = Part::Sandboxes.advice(),
                    "a snapshot was not taken in time"
                );
                // The provider may still complete it: the sweep must look for it.
                self.may_have_unknown.store(true, Ordering::Relaxed);
                Err(FreezeError::Failed)
            }
        }
    }

    /// Puts the record of a snapshot into the tables.
    async fn keep(
        &self,
        frozen: Snapshot,
        session: &SessionRecord,
        sandbox: &SandboxRecord,
        method: CreationMethod,
        expiration: Option<u64>,
    ) -> Result<SnapshotRecord, FreezeError> {
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
            image: sandbox.image.clone(),
            region: session.region.clone(),
            creation_method: method,
            expiration: expiration.or(kept).unwrap_or_else(|| self.default_expiration(sandbox)),
            created_at: now,
            updated_at: now,
            last_used_at: now,
        };
        loop {
            {
                // Checked and inserted under one lock, as `remove_unless_known` does: one of the two then sees the
                // other.
                let mut tables = self.tables();
                if !self.removals.is_removing(&record.provider_id) {
                    tables.snapshots.insert(record.id.clone(), record.clone());
                    tables.save_snapshot(&record.id);
                    return Ok(record);
                }
            }
            // The provider gave the same id to the same files, kept earlier, and these are being removed.
            self.removals.wait_for(&record.provider_id).await;
            let is_there = self.options.containers.find_snapshot(&frozen.id).await;
            // Fail only if the snapshot is certainly gone; an error does not say that.
            if matches!(is_there, Ok(None)) {
                tracing::error!(session.id = session.id, "a snapshot was removed while it was taken");
                return Err(FreezeError::Failed);
            }
        }
    }

    /// Stops a container within [`stop_timeout`](crate::VercelServerOptions::stop_timeout). A container that does not
    /// stop in time is killed when its last reference is dropped.
    async fn stop_container(&self, live: &LiveEntry) -> SessionStatus {
        let stopped = tokio::select! {
            stopped = timeout(self.options.stop_timeout, live.session.container().stop()) => stopped,
            () = live.session.abandoned() => return SessionStatus::Failed,
        };
        let id = live.session.id();
        match stopped {
            Ok(Ok(())) => SessionStatus::Stopped,
            Ok(Err(error)) => {
                // No process of it runs any more: `stop` fails only if something could not be removed.
                tracing::error!(
                    error = error_chain(&error),
                    session.id = id,
                    advice = Part::Sandboxes.advice(),
                    "a container was not wholly removed"
                );
                SessionStatus::Stopped
            }
            Err(_) => {
                tracing::error!(
                    session.id = id,
                    advice = Part::Sandboxes.advice(),
                    "a container did not stop in time, and is dropped"
                );
                SessionStatus::Failed
            }
        }
    }

    /// Records that a session has ended.
    fn note_end(
        self: &Arc<Self>,
        live: &LiveEntry,
        session: &SessionRecord,
        status: SessionStatus,
        used: Usage,
        snapshot: Option<&SnapshotRecord>,
    ) {
        let now = self.now();
        let mut tables = self.tables();
        if tables.live.remove(&session.id).is_none() {
            // The shutdown or a deletion did not wait for us and has recorded the end already.
            return;
        }
        let ended = tables.change_session(&session.id, now, |session| {
            session.end(status, now);
            session.used = used;
            if snapshot.is_some() {
                session.snapshotted_at = Some(now);
            }
        });
        let duration = ended.as_ref().and_then(SessionRecord::duration).unwrap_or_default();
        if let Some(sandbox) = tables.sandbox_of(session) {
            sandbox.total_duration += duration;
            sandbox.total_used = sandbox.total_used.plus(used);
            if let Some(snapshot) = snapshot {
                sandbox.current_snapshot = Some(snapshot.id.clone());
            }
        }
        tables.save_sandbox(&session.sandbox);
        tables.forget_sessions(&session.sandbox_file, self.options.session_history);
        // `evict_snapshots` takes the lock itself.
        drop(tables);
        if snapshot.is_some() {
            self.evict_snapshots(&session.sandbox, now);
        }
        let directory = live.session.directory().clone();
        // Readers of logs are not affected: they have their files open.
        let removing = async move {
            if let Err(error) = tokio::fs::remove_dir_all(&directory).await {
                tracing::warn!(error = error_chain(&error), "the output of a session cannot be removed");
            }
        };
        self.runtime.spawn(removing.in_current_span());
        tracing::info!(session.id = session.id, status = status.as_str(), "a session ended");
    }

    /// Ends all sessions within the shutdown timeout; persistent sandboxes keep their files. Nothing new can begin.
    pub(crate) async fn shut_down(self: &Arc<Self>) {
        self.stopping.cancel();
        // Each session's supervisor ends it, which frees its room.
        if timeout(self.options.shutdown_timeout, self.admission.emptied()).await.is_err() {
            let left: Vec<LiveEntry> = self.tables().live.values().cloned().collect();
            tracing::warn!(sessions = left.len(), "sessions still run after the time to end; they are stopped");
            // Stop them concurrently: one that hangs must not use up the time of the others.
            join_all(left.iter().map(|live| async move {
                live.session.close();
                self.stop_container(live).await;
                // Only now, because `stop_container` gives up once this is set.
                live.session.abandon();
                let session = self.tables().sessions.get(live.session.id()).cloned();
                if let Some(session) = session {
                    self.note_end(live, &session, SessionStatus::Failed, Usage::default(), None);
                }
            }))
            .await;
        }
        // The process may exit after this, and the next start needs the records of these ends.
        self.store.flushed().await;
    }
}

/// Returns the snapshot that a session ended in, or the error for the caller that ended it.
fn kept(outcome: EndOutcome) -> Result<Option<SnapshotRecord>, ApiError> {
    let message = match outcome {
        EndOutcome::Ended(snapshot) => return Ok(snapshot.map(|snapshot| *snapshot)),
        EndOutcome::AlreadyEnded => return Ok(None),
        EndOutcome::Postponed => return Err(Fault::Unavailable.into()),
        EndOutcome::Continues => {
            "There is no room for the snapshot: the session goes on. Delete files or snapshots and try again."
        }
        EndOutcome::NotKept => "The snapshot could not be taken, and the session has ended without it.",
    };
    Err(ApiError::new(ErrorCode::SnapshotFailed, message))
}

impl super::tables::Tables {
    /// Removes the oldest ended sessions of a sandbox beyond `history`.
    fn forget_sessions(&mut self, file: &str, history: usize) {
        let mut ended: Vec<(Millis, String)> = self
            .sessions
            .values()
            .filter(|session| session.sandbox_file == file && session.status.has_ended())
            .map(|session| (session.requested_at, session.id.clone()))
            .collect();
        ended.sort();
        // The last session stays in any case, because a sandbox without one cannot be shown (`Tables::view`).
        let excess = ended.len().saturating_sub(history.max(1));
        for (_, id) in ended.drain(..excess) {
            self.sessions.remove(&id);
            self.store.remove(Kind::Session, &id);
        }
    }
}
