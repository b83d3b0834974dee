//! Finds, lists, expires and deletes snapshots.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::timeout;
use tracing::Instrument as _;
use workers_domain::{Part, SnapshotId, error_chain};

use super::Registry;
use super::page::{Page, PageRequest, Rank, SortValue, page};
use crate::error::{ApiError, ErrorCode};
use crate::model::{Millis, SandboxKey, SandboxRecord, SnapshotRecord, SnapshotStatus, period};
use crate::store::Kind;

/// A snapshot with its siblings.
#[derive(Debug)]
pub(crate) struct TreeNode {
    /// The snapshot.
    pub(crate) snapshot: SnapshotRecord,
    /// Other snapshots with the same parent.
    pub(crate) siblings: Vec<SnapshotRecord>,
}

impl Registry {
    /// Finds a snapshot, including a deleted one.
    pub(crate) fn find_snapshot(self: &Arc<Self>, team: &str, id: &str) -> Result<SnapshotRecord, ApiError> {
        // The sweep comes at intervals; until then an expired snapshot must not look usable.
        self.expire_snapshots();
        let record = self.tables().snapshots.get(id).filter(|record| record.sandbox.team == team).cloned();
        record.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("Snapshot '{id}' not found.")))
    }

    /// Deletes a snapshot. A deleted snapshot stays as it is.
    #[tracing::instrument(name = "snapshots.delete", skip_all, fields(snapshot.id = id))]
    pub(crate) async fn delete_snapshot(self: &Arc<Self>, team: &str, id: &str) -> Result<SnapshotRecord, ApiError> {
        self.find_snapshot(team, id)?;
        self.check_store().await?;
        let gone = self.tables().delete_snapshots(&[id.to_owned()], self.now());
        // Remove the record first: the next start removes files without a record, but a record without files would
        // promise a snapshot that cannot be used.
        self.store.confirm(&[(Kind::Snapshot, id)]).await?;
        self.remove_from_provider(gone);
        self.find_snapshot(team, id)
    }

    /// Lists the snapshots of a project, or of one sandbox, including recently deleted ones.
    pub(crate) fn list_snapshots(
        self: &Arc<Self>,
        team: &str,
        project: &str,
        name: Option<&str>,
        request: &PageRequest,
    ) -> Page<SnapshotRecord> {
        self.expire_snapshots();
        let shown = period(u64::try_from(self.options.deleted_shown.as_millis()).unwrap_or(u64::MAX));
        let since = self.now().saturating_sub(shown);
        let tables = self.tables();
        let ranked = tables
            .snapshots
            .values()
            .filter(|snapshot| snapshot.deleted_at().is_none_or(|deleted_at| deleted_at > since))
            .filter(|snapshot| snapshot.sandbox.team == team && snapshot.sandbox.project == project)
            .filter(|snapshot| name.is_none_or(|name| snapshot.sandbox.name == name))
            .map(|snapshot| (rank(snapshot), snapshot))
            .collect();
        page(ranked, request).map(Clone::clone)
    }

    /// Returns a snapshot, and its ancestors, nearest first, if `descending`, otherwise its descendants.
    pub(crate) fn snapshot_tree(
        self: &Arc<Self>,
        team: &str,
        id: &str,
        descending: bool,
        limit: usize,
    ) -> Result<(TreeNode, Page<TreeNode>), ApiError> {
        let anchor = self.find_snapshot(team, id)?;
        let tables = self.tables();
        let children = |parent: Option<&str>| {
            let mut children: Vec<_> = tables
                .snapshots
                .values()
                // Snapshots without a parent are no siblings of each other.
                .filter(|snapshot| parent.is_some() && snapshot.parent.as_deref() == parent)
                .filter(|snapshot| snapshot.sandbox.team == team)
                .cloned()
                .collect();
            children.sort_by_key(rank);
            children
        };
        let node = |snapshot: SnapshotRecord| {
            let mut siblings = children(snapshot.parent.as_deref());
            siblings.retain(|sibling| sibling.id != snapshot.id);
            TreeNode { snapshot, siblings }
        };
        let mut found = Vec::new();
        let mut at = anchor.clone();
        // Collect one more than `limit`, to see whether there is a next page.
        while found.len() <= limit {
            let next = if descending {
                at.parent.as_ref().and_then(|parent| tables.snapshots.get(parent)).cloned()
            } else {
                // If there are several children, follow the one that was taken last; the others are its siblings.
                children(Some(&at.id)).pop()
            };
            let Some(next) = next else { break };
            at = next.clone();
            found.push(next);
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| last.id.clone());
        Ok((node(anchor), Page { items: found.into_iter().map(node).collect(), next }))
    }

    /// Returns how long snapshots of a sandbox are kept by default, in milliseconds.
    pub(super) fn default_expiration(&self, sandbox: &SandboxRecord) -> u64 {
        let general = || u64::try_from(self.options.snapshot_expiration.as_millis()).unwrap_or(u64::MAX);
        sandbox.snapshot_expiration.unwrap_or_else(general)
    }

    /// Evicts the snapshots of a sandbox beyond the number that it keeps: deletes them, or sets their expiration to the
    /// default.
    pub(super) fn evict_snapshots(self: &Arc<Self>, key: &SandboxKey, now: Millis) {
        let mut tables = self.tables();
        let Some(sandbox) = tables.sandboxes.get(key).map(|entry| entry.record.clone()) else { return };
        let Some(keep) = sandbox.keep_last else { return };
        let mut own: Vec<SnapshotRecord> = tables
            .snapshots
            .values()
            .filter(|snapshot| snapshot.status == SnapshotStatus::Created && snapshot.sandbox_file == sandbox.file)
            .cloned()
            .collect();
        own.sort_by_key(|snapshot| std::cmp::Reverse(rank(snapshot)));
        let evicted: Vec<String> = own
            .into_iter()
            .skip(usize::try_from(keep.count).unwrap_or(usize::MAX))
            .map(|snapshot| snapshot.id)
            .filter(|id| {
                sandbox.current_snapshot.as_ref() != Some(id) && !tables.is_needed_elsewhere(id, &sandbox.file)
            })
            .collect();
        if keep.delete_evicted {
            let gone = tables.delete_snapshots(&evicted, now);
            drop(tables);
            self.remove_from_provider(gone);
        } else {
            let expiration = self.default_expiration(&sandbox);
            for id in evicted {
                if let Some(snapshot) = tables.snapshots.get_mut(&id) {
                    snapshot.expiration = expiration;
                }
                tables.save_snapshot(&id);
            }
        }
    }

    /// Deletes expired snapshots.
    pub(super) fn expire_snapshots(self: &Arc<Self>) {
        let now = self.now();
        let mut tables = self.tables();
        let expired: Vec<String> = tables
            .snapshots
            .values()
            .filter(|snapshot| snapshot.status == SnapshotStatus::Created && !snapshot.is_usable(now))
            .map(|snapshot| snapshot.id.clone())
            .collect();
        let gone = tables.delete_snapshots(&expired, now);
        drop(tables);
        self.remove_from_provider(gone);
    }

    /// Removes the files of snapshots in the background, unless another record has the same files.
    pub(super) fn remove_from_provider(self: &Arc<Self>, provider_ids: Vec<String>) {
        if provider_ids.is_empty() {
            return;
        }
        let registry = Arc::clone(self);
        let removing = async move { registry.remove_all_unless_known(provider_ids).await };
        self.runtime.spawn(removing.in_current_span());
    }

    /// Removes these snapshots of the provider, unless they have a record. While their place is away they are put
    /// aside, to try again later.
    pub(super) async fn remove_all_unless_known(&self, provider_ids: Vec<String>) {
        if !provider_ids.is_empty() && !self.keeps_snapshots().await {
            for id in &provider_ids {
                self.removals.failed(id);
            }
            return;
        }
        for id in provider_ids {
            self.remove_unless_known(&id).await;
        }
    }

    /// Removes all snapshots of the provider that have no record.
    pub(super) async fn remove_unknown(&self) {
        if self.keeps_unknown {
            return;
        }
        match self.options.containers.snapshots().await {
            Ok(ids) => {
                // One of these may be a snapshot that is still being taken and gets its record later. A snapshot whose
                // taking starts after the listing cannot be in the list.
                if !self.tables().freezing.is_empty() {
                    self.may_have_unknown.store(true, Ordering::Relaxed);
                    return;
                }
                self.may_have_unknown.store(false, Ordering::Relaxed);
                for id in ids.iter().filter(|id| !self.kept.contains(id.as_str())) {
                    self.remove_unless_known(id.as_str()).await;
                }
            }
            Err(error) => tracing::error!(
                error = error_chain(&error),
                advice = Part::Sandboxes.advice(),
                "the provider's snapshots cannot be listed"
            ),
        }
    }

    /// Removes a snapshot of the provider, unless it has a record.
    pub(super) async fn remove_unless_known(&self, id: &str) {
        let marked = {
            // Check and mark under one lock, so that a task that adds a record meanwhile sees the mark.
            let tables = self.tables();
            let is_known = tables
                .snapshots
                .values()
                .any(|snapshot| snapshot.status == SnapshotStatus::Created && snapshot.provider_id == id);
            if is_known { None } else { self.removals.begin(id) }
        };
        let Some(_marked) = marked else { return };
        let id_of_provider = SnapshotId::new(id);
        let removed = self.options.containers.delete_snapshot(&id_of_provider);
        let error = match timeout(self.options.snapshot_timeout, removed).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error_chain(&error),
            Err(late) => error_chain(&late),
        };
        self.removals.failed(id);
        tracing::error!(
            error,
            snapshot.id = id,
            advice = Part::Sandboxes.advice(),
            "a snapshot cannot be removed; it is tried again"
        );
    }
}

fn rank(snapshot: &SnapshotRecord) -> Rank {
    Rank(SortValue::Number(snapshot.created_at), snapshot.id.clone())
}
