//! What both databases are asked in the same words.

use std::collections::HashSet;

use chrono::NaiveDateTime;
use diesel::dsl::auto_type;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use workers_domain::access::TenantScope;
use workers_domain::{SnapshotId, TenantId, WorkerStatus};

use crate::schema::workers;
use crate::sql_types::IdValue;

/// Finds the rows that one statement removes when all are removed: each is in memory until it is known what it was.
/// Diesel knows no query within one over the same table.
pub(crate) const ANY_THOUSAND: &str = "id IN (SELECT id FROM workers LIMIT 1000)";

/// The worker with this id.
#[auto_type(no_type_alias)]
pub(crate) fn by_id(id: IdValue) -> _ {
    workers::table.find(id)
}

/// That one, if it is in this scope. One statement for every scope: the row is found by its id, and then looked at.
#[auto_type(no_type_alias)]
pub(crate) fn in_scope(id: IdValue, scope: Scope) -> _ {
    let (tenant, is_of_all): (IdValue, bool) = (scope.tenant, scope.is_of_all);
    workers::table.find(id).filter(workers::tenant_id.eq(tenant).or(is_of_all.into_sql::<Bool>()))
}

/// All that are in this scope. Reads the whole table.
#[auto_type(no_type_alias)]
pub(crate) fn all_in_scope(scope: Scope) -> _ {
    let (tenant, is_of_all): (IdValue, bool) = (scope.tenant, scope.is_of_all);
    workers::table.filter(workers::tenant_id.eq(tenant).or(is_of_all.into_sql::<Bool>()))
}

/// That one, if it is still in this revision.
#[auto_type(no_type_alias)]
pub(crate) fn in_revision(id: IdValue, revision: i64) -> _ {
    workers::table.find(id).filter(workers::revision.eq(revision))
}

/// That one, if no later invocation of it is known.
#[auto_type(no_type_alias)]
pub(crate) fn not_invoked_since(id: IdValue, at: NaiveDateTime) -> _ {
    let is_older = workers::last_invoked_at.is_null().or(workers::last_invoked_at.lt(at).assume_not_null());
    workers::table.find(id).filter(is_older)
}

/// The ready workers whose snapshots expire at this time or before, soonest first.
#[auto_type(no_type_alias)]
pub(crate) fn due_to_expire(now: NaiveDateTime) -> _ {
    let ready: &'static str = WorkerStatus::Ready.as_str();
    workers::table
        .filter(workers::status.eq(ready))
        .filter(workers::snapshot_expires_at.le(now))
        .order((workers::snapshot_expires_at, workers::id))
}

/// The workers that have been in state creating since this time or longer, oldest first.
#[auto_type(no_type_alias)]
pub(crate) fn stuck_in_creating(before: NaiveDateTime) -> _ {
    let creating: &'static str = WorkerStatus::Creating.as_str();
    workers::table
        .filter(workers::status.eq(creating))
        .filter(workers::created_at.le(before))
        .order((workers::created_at, workers::id))
}

/// Those of some snapshots that a worker needs, perhaps several times.
#[auto_type(no_type_alias)]
pub(crate) fn snapshots_in_use(among: Vec<String>) -> _ {
    let expired: &'static str = WorkerStatus::Expired.as_str();
    workers::table
        .filter(workers::snapshot_id.eq_any(among))
        .filter(workers::status.ne(expired))
        .select(workers::snapshot_id)
}

/// A scope, as statements take it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    /// The one tenant. Of no meaning where it is of all.
    pub(crate) tenant: IdValue,
    pub(crate) is_of_all: bool,
}

impl From<&TenantScope> for Scope {
    fn from(scope: &TenantScope) -> Self {
        Self { tenant: scope.tenant().unwrap_or(TenantId::DEFAULT).into(), is_of_all: scope.tenant().is_none() }
    }
}

/// Snapshots as their column spells them.
pub(crate) fn spelled(snapshots: &[SnapshotId]) -> Vec<String> {
    snapshots.iter().map(|id| id.as_str().to_owned()).collect()
}

/// Those of `among` that are not among those in use.
pub(crate) fn without(among: &[SnapshotId], used: Vec<String>) -> Vec<SnapshotId> {
    let used: HashSet<_> = used.into_iter().collect();
    among.iter().filter(|id| !used.contains(id.as_str())).cloned().collect()
}
