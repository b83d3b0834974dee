//! The state of the server, in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::model::{Millis, SandboxKey, SandboxRecord, SessionRecord, SnapshotRecord, SnapshotStatus};
use crate::session::LiveSession;
use crate::store::{Kind, Store};

/// All records and live sessions.
pub(super) struct Tables {
    /// The copy on disk, which gets every change.
    pub(super) store: Store,
    pub(super) sandboxes: BTreeMap<SandboxKey, SandboxEntry>,
    pub(super) sessions: HashMap<String, SessionRecord>,
    pub(super) snapshots: HashMap<String, SnapshotRecord>,
    pub(super) live: HashMap<String, LiveEntry>,
    /// Sessions of which a snapshot is being taken that has no record yet.
    pub(super) freezing: HashSet<String>,
    /// Names of sandboxes that are being created.
    pub(super) reserved: HashSet<SandboxKey>,
}

/// A sandbox.
#[derive(Clone)]
pub(super) struct SandboxEntry {
    pub(super) record: SandboxRecord,
    /// Held while a session of the sandbox begins or ends.
    pub(super) transition: Arc<Mutex<()>>,
}

/// A live session.
#[derive(Clone)]
pub(super) struct LiveEntry {
    pub(super) session: Arc<LiveSession>,
    pub(super) transition: Arc<Mutex<()>>,
}

/// A sandbox as responses show it: with the session that runs, or ran last.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The sandbox's record.
    pub(crate) sandbox: SandboxRecord,
    /// The record of its current session.
    pub(crate) session: SessionRecord,
}

impl Tables {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            sandboxes: BTreeMap::new(),
            sessions: HashMap::new(),
            snapshots: HashMap::new(),
            live: HashMap::new(),
            freezing: HashSet::new(),
            reserved: HashSet::new(),
        }
    }

    /// Returns a sandbox with its current session.
    pub(super) fn view(&self, key: &SandboxKey) -> Option<View> {
        let sandbox = self.sandboxes.get(key)?.record.clone();
        let session = self.sessions.get(&sandbox.current_session)?.clone();
        Some(View { sandbox, session })
    }

    /// Returns the sandboxes of a team.
    pub(super) fn of_team(&self, team: &str) -> impl Iterator<Item = &SandboxRecord> {
        // Empty strings sort before all others, so the keys of the team begin here.
        let first = SandboxKey { team: team.to_owned(), project: String::new(), name: String::new() };
        self.sandboxes
            .range(first..)
            .map(|(_, entry)| &entry.record)
            .take_while(move |sandbox| sandbox.key.team == team)
    }

    /// Returns the sandbox of a session, if it still exists.
    pub(super) fn sandbox_of(&mut self, session: &SessionRecord) -> Option<&mut SandboxRecord> {
        let entry = self.sandboxes.get_mut(&session.sandbox)?;
        // Another sandbox may have taken the name since.
        (entry.record.file == session.sandbox_file).then_some(&mut entry.record)
    }

    pub(super) fn save_sandbox(&self, key: &SandboxKey) {
        if let Some(entry) = self.sandboxes.get(key) {
            self.store.save(Kind::Sandbox, &entry.record.file, &entry.record);
        }
    }

    pub(super) fn save_session(&self, id: &str) {
        if let Some(record) = self.sessions.get(id) {
            self.store.save(Kind::Session, id, record);
        }
    }

    pub(super) fn save_snapshot(&self, id: &str) {
        if let Some(record) = self.snapshots.get(id) {
            self.store.save(Kind::Snapshot, id, record);
        }
    }

    /// Changes the record of a session, saves it and returns it.
    pub(super) fn change_session(
        &mut self,
        id: &str,
        now: Millis,
        change: impl FnOnce(&mut SessionRecord),
    ) -> Option<SessionRecord> {
        let record = self.sessions.get_mut(id)?;
        change(record);
        record.updated_at = now;
        let record = record.clone();
        self.save_session(id);
        if let Some(sandbox) = self.sandbox_of(&record) {
            sandbox.updated_at = now;
            sandbox.status_updated_at = now;
            self.save_sandbox(&record.sandbox);
        }
        Some(record)
    }

    /// Marks snapshots as deleted. Returns the provider's ids of them.
    pub(super) fn delete_snapshots(&mut self, ids: &[String], now: Millis) -> Vec<String> {
        let mut gone = Vec::new();
        for id in ids {
            if let Some(record) = self.snapshots.get_mut(id)
                && record.status == SnapshotStatus::Created
            {
                record.delete(now);
                gone.push(record.provider_id.clone());
                self.save_snapshot(id);
            }
        }
        gone
    }

    /// Returns whether a sandbox other than this one starts from a snapshot.
    pub(super) fn is_needed_elsewhere(&self, snapshot: &str, file: &str) -> bool {
        self.sandboxes
            .values()
            .any(|entry| entry.record.file != file && entry.record.current_snapshot.as_deref() == Some(snapshot))
    }
}
