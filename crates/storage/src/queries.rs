//! Queries that are the same for both databases.

use std::collections::HashSet;

use chrono::NaiveDateTime;
use diesel::dsl::auto_type;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use workers_domain::access::TenantScope;
use workers_domain::{SnapshotId, TenantId, WorkerStatus};

use crate::schema::workers;
use crate::sql_types::IdValue;

/// Selects the rows for one statement when all rows are deleted. Each deleted row is in memory for a while, so their
/// number is limited. Written as SQL, because Diesel does not support a subquery over the same table here.
pub(crate) const ANY_THOUSAND: &str = "id IN (SELECT id FROM workers LIMIT 1000)";

/// Selects the worker with this id.
#[auto_type(no_type_alias)]
pub(crate) fn by_id(id: IdValue) -> _ {
    workers::table.find(id)
}

/// Selects the worker with this id, if it is in the scope. The statement is the same for every scope: the row is found
/// by its id, and then its tenant is compared.
#[auto_type(no_type_alias)]
pub(crate) fn in_scope(id: IdValue, scope: Scope) -> _ {
    let (tenant, is_of_all): (IdValue, bool) = (scope.tenant, scope.is_of_all);
    workers::table.find(id).filter(workers::tenant_id.eq(tenant).or(is_of_all.into_sql::<Bool>()))
}

/// Selects all workers in the scope. Reads the whole table.
#[auto_type(no_type_alias)]
pub(crate) fn all_in_scope(scope: Scope) -> _ {
    let (tenant, is_of_all): (IdValue, bool) = (scope.tenant, scope.is_of_all);
    workers::table.filter(workers::tenant_id.eq(tenant).or(is_of_all.into_sql::<Bool>()))
}

/// Selects the worker with this id, if it still has this revision.
#[auto_type(no_type_alias)]
pub(crate) fn in_revision(id: IdValue, revision: i64) -> _ {
    workers::table.find(id).filter(workers::revision.eq(revision))
}

/// Selects the worker with this id, if no later invocation of it is recorded.
#[auto_type(no_type_alias)]
pub(crate) fn not_invoked_since(id: IdValue, at: NaiveDateTime) -> _ {
    let is_older = workers::last_invoked_at.is_null().or(workers::last_invoked_at.lt(at).assume_not_null());
    workers::table.find(id).filter(is_older)
}

/// Selects the ready workers whose snapshots expire at this time or earlier, soonest first.
#[auto_type(no_type_alias)]
pub(crate) fn due_to_expire(now: NaiveDateTime) -> _ {
    let ready: &'static str = WorkerStatus::Ready.as_str();
    workers::table
        .filter(workers::status.eq(ready))
        .filter(workers::snapshot_expires_at.le(now))
        // The order of the index `workers_status_idx`, so the due rows are found without reading and sorting all of
        // them.
        .order((workers::snapshot_expires_at, workers::id))
}

/// Selects the workers that have been in state creating since this time or longer, oldest first.
#[auto_type(no_type_alias)]
pub(crate) fn stuck_in_creating(before: NaiveDateTime) -> _ {
    let creating: &'static str = WorkerStatus::Creating.as_str();
    workers::table
        .filter(workers::status.eq(creating))
        .filter(workers::created_at.le(before))
        .order((workers::created_at, workers::id))
}

/// Selects those of the given snapshots that a worker needs. The result may contain duplicates.
#[auto_type(no_type_alias)]
pub(crate) fn snapshots_in_use(among: Vec<String>) -> _ {
    let expired: &'static str = WorkerStatus::Expired.as_str();
    workers::table
        .filter(workers::snapshot_id.eq_any(among))
        // An expired worker keeps the id of its snapshot, but does not need it any more.
        .filter(workers::status.ne(expired))
        .select(workers::snapshot_id)
}

/// A scope, as parameters of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    /// The one tenant. Ignored if `is_of_all` is set.
    pub(crate) tenant: IdValue,
    pub(crate) is_of_all: bool,
}

impl From<&TenantScope> for Scope {
    fn from(scope: &TenantScope) -> Self {
        Self { tenant: scope.tenant().unwrap_or(TenantId::DEFAULT).into(), is_of_all: scope.tenant().is_none() }
    }
}

/// Returns the snapshot ids as text, as stored in their column.
pub(crate) fn id_texts(snapshots: &[SnapshotId]) -> Vec<String> {
    snapshots.iter().map(|id| id.as_str().to_owned()).collect()
}

/// Returns the snapshots of `among` that are not in `used`.
pub(crate) fn without(among: &[SnapshotId], used: Vec<String>) -> Vec<SnapshotId> {
    let used: HashSet<_> = used.into_iter().collect();
    among.iter().filter(|id| !used.contains(id.as_str())).cloned().collect()
}
