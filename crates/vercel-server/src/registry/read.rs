//! Finds and lists sandboxes and sessions.

use std::sync::Arc;

use super::Registry;
use super::page::{Page, PageRequest, Rank, SortValue, page};
use super::tables::View;
use crate::error::{ApiError, ErrorCode};
use crate::model::{Route, SandboxKey, SessionRecord, SessionStatus};
use crate::session::LiveSession;

/// Which sandboxes to list, and in which order.
#[derive(Debug, Clone, Default)]
pub(crate) struct SandboxFilter {
    /// The prefix of the name.
    pub(crate) name_prefix: Option<String>,
    /// The name and value of a tag.
    pub(crate) tag: Option<(String, String)>,
    /// The status of the current session.
    pub(crate) status: Option<String>,
    /// The order of the list.
    pub(crate) sort_by: SortBy,
}

/// What sandboxes are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SortBy {
    /// Creation time.
    #[default]
    CreatedAt,
    /// Name.
    Name,
    /// Time of the last change of status.
    StatusUpdatedAt,
    /// The id of the snapshot that the next session starts from.
    CurrentSnapshotId,
}

/// Creates the error for a sandbox that does not exist.
pub(super) fn not_found(key: &SandboxKey) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("Named sandbox '{}' not found for this project.", key.name))
}

impl Registry {
    /// Finds a sandbox.
    pub(crate) fn find(&self, key: &SandboxKey) -> Result<View, ApiError> {
        self.tables().view(key).ok_or_else(|| not_found(key))
    }

    /// Finds a session.
    pub(crate) fn find_session(&self, team: &str, id: &str) -> Result<SessionRecord, ApiError> {
        // A session of another team gets the same error as one that does not exist.
        let record = self.tables().sessions.get(id).filter(|record| record.sandbox.team == team).cloned();
        record.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("Session '{id}' not found.")))
    }

    /// Returns the routes of a session's sandbox.
    pub(crate) fn routes_of(&self, session: &SessionRecord) -> Vec<Route> {
        self.tables().sandbox_of(session).map(|sandbox| sandbox.routes.clone()).unwrap_or_default()
    }

    /// Finds a session that can be used. Fails if it is ending or has ended.
    pub(crate) fn live(&self, team: &str, id: &str) -> Result<Arc<LiveSession>, ApiError> {
        let record = self.find_session(team, id)?;
        let live = self.tables().live.get(id).map(|live| Arc::clone(&live.session));
        match (record.status, live) {
            (SessionStatus::Running, Some(live)) => Ok(live),
            (SessionStatus::Stopping, _) => {
                Err(ApiError::new(ErrorCode::SandboxStopping, "The sandbox is being stopped."))
            }
            (SessionStatus::Snapshotting, _) => {
                Err(ApiError::new(ErrorCode::SandboxSnapshotting, "A snapshot of the sandbox is being taken."))
            }
            // A session that looks running but is not live has ended between the two looks above.
            (SessionStatus::Running | SessionStatus::Stopped | SessionStatus::Failed, _) => Err(ApiError::stopped()),
        }
    }

    /// Lists the sandboxes of a project.
    pub(crate) fn list(&self, team: &str, project: &str, filter: &SandboxFilter, request: &PageRequest) -> Page<View> {
        let tables = self.tables();
        let of_project = tables.of_team(team).filter(|sandbox| sandbox.key.project == project);
        // Copy only what is on the page.
        let ranked = of_project.filter_map(|sandbox| {
            let key = &sandbox.key;
            let session = tables.sessions.get(&sandbox.current_session)?;
            let fits = filter.name_prefix.as_ref().is_none_or(|prefix| key.name.starts_with(prefix))
                && filter.status.as_ref().is_none_or(|status| session.status.as_str() == status)
                && filter.tag.as_ref().is_none_or(|(name, value)| {
                    sandbox.tags.as_ref().and_then(|tags| tags.get(name)).is_some_and(|tag| tag == value)
                });
            let value = match filter.sort_by {
                SortBy::CreatedAt => SortValue::Number(sandbox.created_at),
                SortBy::Name => SortValue::Text(key.name.clone()),
                SortBy::StatusUpdatedAt => SortValue::Number(sandbox.status_updated_at),
                SortBy::CurrentSnapshotId => SortValue::Text(sandbox.current_snapshot.clone().unwrap_or_default()),
            };
            fits.then(|| (Rank(value, key.name.clone()), (sandbox, session)))
        });
        let ranked = ranked.collect();
        page(ranked, request).map(|(sandbox, session)| View { sandbox: sandbox.clone(), session: session.clone() })
    }

    /// Lists the sessions of a project, or of one sandbox.
    pub(crate) fn list_sessions(
        &self,
        team: &str,
        project: &str,
        name: Option<&str>,
        request: &PageRequest,
    ) -> Page<SessionRecord> {
        let tables = self.tables();
        // Sessions of a deleted sandbox stay in the tables for clients that have their ids, but no list shows them.
        let is_known = |session: &SessionRecord| {
            let entry = tables.sandboxes.get(&session.sandbox);
            entry.is_some_and(|entry| entry.record.file == session.sandbox_file)
        };
        let ranked = tables
            .sessions
            .values()
            .filter(|session| session.sandbox.team == team && session.sandbox.project == project)
            .filter(|session| name.is_none_or(|name| session.sandbox.name == name))
            .filter(|session| is_known(session))
            .map(|session| (Rank(SortValue::Number(session.requested_at), session.id.clone()), session))
            .collect();
        page(ranked, request).map(Clone::clone)
    }
}
