//! Finding and listing.

use std::sync::Arc;

use super::Registry;
use super::page::{Page, PageRequest, Rank, SortValue, page};
use super::tables::View;
use crate::error::{ApiError, ErrorCode};
use crate::model::{Route, SandboxKey, SessionRecord, SessionStatus};
use crate::session::LiveSession;

/// Which sandboxes.
#[derive(Debug, Clone, Default)]
pub(crate) struct SandboxFilter {
    /// Those whose name begins so.
    pub(crate) name_prefix: Option<String>,
    /// Those with this mark.
    pub(crate) tag: Option<(String, String)>,
    /// Those in this state.
    pub(crate) status: Option<String>,
    /// In which order.
    pub(crate) sort_by: SortBy,
}

/// What sandboxes are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SortBy {
    /// When they were made.
    #[default]
    CreatedAt,
    /// Their name.
    Name,
    /// When their status changed.
    StatusUpdatedAt,
    /// What they start from.
    CurrentSnapshotId,
}

/// There is no such sandbox.
pub(super) fn not_found(key: &SandboxKey) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("Named sandbox '{}' not found for this project.", key.name))
}

impl Registry {
    /// A sandbox.
    pub(crate) fn find(&self, key: &SandboxKey) -> Result<View, ApiError> {
        self.tables().view(key).ok_or_else(|| not_found(key))
    }

    /// A session.
    pub(crate) fn find_session(&self, team: &str, id: &str) -> Result<SessionRecord, ApiError> {
        let record = self.tables().sessions.get(id).filter(|record| record.sandbox.team == team).cloned();
        record.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("Session '{id}' not found.")))
    }

    /// Ports of a session's sandbox.
    pub(crate) fn routes_of(&self, session: &SessionRecord) -> Vec<Route> {
        self.tables().sandbox_of(session).map(|sandbox| sandbox.routes.clone()).unwrap_or_default()
    }

    /// A session that can be used.
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
            (SessionStatus::Running | SessionStatus::Stopped | SessionStatus::Failed, _) => Err(ApiError::stopped()),
        }
    }

    /// Sandboxes of a project.
    pub(crate) fn list(&self, team: &str, project: &str, filter: &SandboxFilter, request: &PageRequest) -> Page<View> {
        let tables = self.tables();
        let of_project = tables.of_team(team).filter(|sandbox| sandbox.key.project == project);
        // Only what is on the page is copied.
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

    /// Sessions of a project, or of one sandbox.
    pub(crate) fn list_sessions(
        &self,
        team: &str,
        project: &str,
        name: Option<&str>,
        request: &PageRequest,
    ) -> Page<SessionRecord> {
        let tables = self.tables();
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
