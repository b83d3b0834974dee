//! Starts the server: restores the state that an earlier server left on disk.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use workers_domain::SnapshotId;

use super::Registry;
use super::admission::Admission;
use super::rate_limiter::RateLimiter;
use super::removals::SnapshotRemovals;
use super::start_error::StartError;
use super::tables::{SandboxEntry, Tables};
use crate::VercelServerOptions;
use crate::logs::LogBudget;
use crate::model::{Millis, SandboxRecord, SessionRecord, SessionStatus, SnapshotRecord, SnapshotStatus, Usage};
use crate::store::{Kind, Store, blocking};

impl Registry {
    /// Restores the records on disk. Sessions that were running have ended; the recorded snapshots are compared with
    /// those of the provider.
    pub(crate) async fn open(mut options: VercelServerOptions) -> Result<Arc<Self>, StartError> {
        let admission = Admission::new(&mut options)?;
        let logs = options.directory.join("logs");
        let store = Store::open(options.directory.clone()).await.map_err(StartError::Directory)?;
        let kept = kept_snapshots(&options, &store).await.map_err(StartError::Directory)?;
        // The output of a command is kept while its session lasts, and no session outlives its server.
        blocking(move || match std::fs::remove_dir_all(logs) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
        .map_err(StartError::Directory)?;
        let mut tables = Tables::new(store.clone());
        let is_whole = tables.restore(options.clock.now().timestamp_millis()).await.map_err(StartError::Directory)?;
        if !is_whole {
            tracing::error!("not every record can be read: snapshots without a record are kept until all can be");
        }
        let registry = Arc::new(Self {
            runtime: Handle::current(),
            store,
            tables: Mutex::new(tables),
            admission,
            rate_limiter: RateLimiter::new(&options),
            log_budget: Arc::new(LogBudget::new(options.max_total_log_bytes)),
            removals: SnapshotRemovals::new(),
            keeps_unknown: !is_whole,
            kept,
            may_have_unknown: std::sync::atomic::AtomicBool::new(false),
            stopping: CancellationToken::new(),
            options,
        });
        registry.compare_snapshots().await;
        // A weak reference, so that the sweep does not keep the registry alive.
        registry.runtime.spawn(Self::sweep_forever(Arc::downgrade(&registry)));
        Ok(registry)
    }

    /// Removes the provider's snapshots that have no record. Records whose snapshot the provider has lost stay, because
    /// the files may be put back.
    async fn compare_snapshots(self: &Arc<Self>) {
        match self.options.containers.snapshots().await {
            Ok(there) => {
                let there: HashSet<_> = there.into_iter().map(|id| id.as_str().to_owned()).collect();
                let tables = self.tables();
                let known = tables.snapshots.values().filter(|record| record.status == SnapshotStatus::Created);
                let lost: Vec<_> = known.filter(|record| !there.contains(&record.provider_id)).collect();
                if let Some(first) = lost.first() {
                    tracing::error!(
                        snapshots = lost.len(),
                        snapshot.id = first.provider_id,
                        "files of snapshots are not where they were kept; their records stay until they expire or are deleted"
                    );
                }
            }
            Err(error) => {
                tracing::error!(
                    error = workers_domain::error_chain(&error),
                    "the provider's snapshots cannot be listed"
                );
                return;
            }
        }
        self.remove_unknown().await;
        self.measure_snapshots().await;
    }

    /// Asks the provider for the sizes of snapshots for which an earlier server recorded none.
    async fn measure_snapshots(&self) {
        let unmeasured: Vec<(String, SnapshotId)> = {
            let tables = self.tables();
            let known = tables.snapshots.values().filter(|record| record.status == SnapshotStatus::Created);
            let without = known.filter(|record| record.size_bytes == 0);
            without.map(|record| (record.id.clone(), SnapshotId::new(record.provider_id.clone()))).collect()
        };
        for (id, provider_id) in unmeasured {
            // A snapshot that is not there now is measured at a later start.
            let Ok(Some(found)) = self.options.containers.find_snapshot(&provider_id).await else { continue };
            let mut tables = self.tables();
            if let Some(record) = tables.snapshots.get_mut(&id).filter(|_| found.size_bytes > 0) {
                record.size_bytes = found.size_bytes;
                tables.save_snapshot(&id);
            }
        }
    }
}

/// Returns the provider's snapshots that are kept although they have no record. If there is no place for records yet,
/// these are all snapshots of the provider: the records may have been moved away and may be put back.
async fn kept_snapshots(options: &VercelServerOptions, store: &Store) -> io::Result<HashSet<String>> {
    let mut kept = store.kept_snapshots().await?;
    if !store.is_new() {
        return Ok(kept);
    }
    let there = options.containers.snapshots().await.map_err(io::Error::other)?;
    if there.is_empty() {
        return Ok(kept);
    }
    let snapshots = there.len();
    kept.extend(there.into_iter().map(|id| id.as_str().to_owned()));
    let path = store.keep_snapshots(&kept).await?;
    tracing::error!(
        snapshots,
        path = %path.display(),
        "there are snapshots, but no records: the snapshots named in this file are kept until the records are put back"
    );
    Ok(kept)
}

impl Tables {
    /// Loads all records. Returns whether every record could be read.
    async fn restore(&mut self, now: Millis) -> io::Result<bool> {
        let snapshots = self.store.load::<SnapshotRecord>(Kind::Snapshot).await?;
        let sandboxes = self.store.load::<SandboxRecord>(Kind::Sandbox).await?;
        let sessions = self.store.load::<SessionRecord>(Kind::Session).await?;
        for snapshot in snapshots.records {
            self.snapshots.insert(snapshot.id.clone(), snapshot);
        }
        for record in sandboxes.records {
            self.sandboxes.insert(record.key.clone(), SandboxEntry { record, transition: Arc::default() });
        }
        let mut lost = Vec::new();
        // After the sandboxes, because a session without its sandbox is removed here.
        for mut session in sessions.records {
            if self.sandbox_of(&session).is_none() {
                // Keep the session if the record of its sandbox may be one that cannot be read.
                if sandboxes.is_whole {
                    self.store.remove(Kind::Session, &session.id);
                }
                continue;
            }
            let id = session.id.clone();
            let was_running = !session.status.has_ended();
            if was_running {
                session.end(SessionStatus::Stopped, now);
                session.aborted_at = Some(now);
                if let Some(sandbox) = self.sandbox_of(&session) {
                    sandbox.status_updated_at = now;
                    // The usage of the lost session is unknown, so the total is unknown too.
                    sandbox.total_used = Usage::default();
                    lost.push(session.sandbox.clone());
                }
            }
            self.sessions.insert(id.clone(), session);
            if was_running {
                self.save_session(&id);
            }
        }
        for sandbox in lost {
            self.save_sandbox(&sandbox);
        }
        self.complete(now);
        Ok(snapshots.is_whole && sandboxes.is_whole && sessions.is_whole)
    }

    /// Gives an ended session to each sandbox whose current session was never written because the server died before.
    fn complete(&mut self, now: Millis) {
        let missing: Vec<_> = self
            .sandboxes
            .values()
            .filter(|entry| !self.sessions.contains_key(&entry.record.current_session))
            .map(|entry| entry.record.clone())
            .collect();
        for sandbox in missing {
            tracing::warn!(sandbox.name = sandbox.key.name, "the session of a sandbox is not known any more");
            let id = sandbox.current_session.clone();
            let session = SessionRecord {
                id: id.clone(),
                sandbox: sandbox.key,
                sandbox_file: sandbox.file,
                status: SessionStatus::Stopped,
                cwd: "/".to_owned(),
                vcpus: sandbox.vcpus,
                memory: 0,
                region: sandbox.region,
                timeout: sandbox.timeout,
                source_snapshot: None,
                network: sandbox.network,
                requested_at: sandbox.updated_at,
                started_at: sandbox.updated_at,
                requested_stop_at: None,
                stopped_at: Some(now),
                aborted_at: Some(now),
                snapshotted_at: None,
                used: Usage::default(),
                updated_at: now,
            };
            self.sessions.insert(id.clone(), session);
            self.save_session(&id);
        }
    }
}
