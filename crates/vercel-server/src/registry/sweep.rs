//! The sweep: removes what has expired.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::Registry;
use crate::model::{Millis, SandboxKey, SessionStatus, SnapshotStatus, period};
use crate::store::Kind;

impl Registry {
    /// Sweeps at intervals for as long as the registry exists.
    pub(super) async fn sweep_forever(registry: Weak<Self>) {
        loop {
            // Not held during the pause, so that the registry can be dropped then.
            let Some(interval) = registry.upgrade().map(|registry| registry.options.sweep_interval) else { return };
            tokio::time::sleep(interval).await;
            let Some(registry) = registry.upgrade() else { return };
            registry.sweep().await;
        }
    }

    /// Removes expired snapshots, sandboxes that have no snapshot to start from any more, and old records of both.
    #[tracing::instrument(name = "sandboxes.sweep", skip_all)]
    async fn sweep(self: &Arc<Self>) {
        self.expire_snapshots();
        let now = self.now();
        let kept = period(u64::try_from(self.options.retention.as_millis()).unwrap_or(u64::MAX));
        self.forget_sandboxes(now.saturating_sub(kept));
        self.forget_old(now, now.saturating_sub(kept));
        self.remove_all_unless_known(self.removals.take_failed()).await;
        if self.may_have_unknown.load(Ordering::Relaxed) {
            self.remove_unknown().await;
        }
    }

    /// Removes the records of snapshots that were deleted before `before`, and of sessions whose sandbox is deleted.
    fn forget_old(&self, now: Millis, before: Millis) {
        let mut tables = self.tables();
        let old: Vec<String> = tables
            .snapshots
            .values()
            .filter(|snapshot| snapshot.deleted_at().is_some_and(|deleted_at| deleted_at < before))
            .map(|snapshot| snapshot.id.clone())
            .collect();
        for id in old {
            tables.snapshots.remove(&id);
            tables.store.remove(Kind::Snapshot, &id);
        }
        // Sessions of deleted sandboxes stay for an hour, for clients that still use their ids.
        let hour = period(3_600_000);
        let lost: Vec<String> = tables
            .sessions
            .values()
            .filter(|session| session.status.has_ended() && session.updated_at < now.saturating_sub(hour))
            .filter(|session| {
                let entry = tables.sandboxes.get(&session.sandbox);
                entry.is_none_or(|entry| entry.record.file != session.sandbox_file)
            })
            .map(|session| session.id.clone())
            .collect();
        for id in lost {
            tables.sessions.remove(&id);
        }
    }

    /// Removes sandboxes that ended before a time and cannot be resumed.
    fn forget_sandboxes(&self, before: Millis) {
        let mut tables = self.tables();
        let idle: Vec<(SandboxKey, String)> = tables
            .sandboxes
            .values()
            .filter(|entry| entry.record.status_updated_at < before)
            .filter(|entry| {
                let session = tables.sessions.get(&entry.record.current_session);
                session.is_none_or(|session| matches!(session.status, SessionStatus::Stopped | SessionStatus::Failed))
            })
            .filter(|entry| {
                let Some(id) = &entry.record.current_snapshot else { return true };
                // A snapshot that is not in the tables may be one whose record cannot be read.
                let snapshot = tables.snapshots.get(id);
                snapshot.map_or(!self.keeps_unknown, |snapshot| snapshot.status == SnapshotStatus::Deleted)
            })
            // A held lock means that a session is about to begin.
            .filter(|entry| entry.transition.try_lock().is_ok())
            .map(|entry| (entry.record.key.clone(), entry.record.file.clone()))
            .collect();
        for (key, file) in idle {
            tables.sandboxes.remove(&key);
            tables.store.remove(Kind::Sandbox, &file);
            let own = tables.sessions.values().filter(|session| session.sandbox_file == file);
            let own: Vec<String> = own.map(|session| session.id.clone()).collect();
            for id in own {
                tables.sessions.remove(&id);
                tables.store.remove(Kind::Session, &id);
            }
        }
    }
}
