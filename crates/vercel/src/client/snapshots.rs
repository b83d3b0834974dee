//! Requests for snapshots.

use std::time::Duration;

use reqwest::Method;

use super::Client;
use crate::api::{ListSnapshots, MakeSnapshotBody, Page, SnapshotBody, SnapshotInfo, SnapshotsBody, in_milliseconds};
use crate::error::VercelError;

impl Client {
    /// Takes a snapshot of a session, which ends the session. Returns when the snapshot can be used.
    ///
    /// The API keeps the snapshot for `kept_for` after each use, or for ever if `None`; it requires at least a day.
    ///
    /// # Errors
    ///
    /// When the session has ended. After an error that did not certainly have [no effect](VercelError::had_no_effect)
    /// there may be a snapshot, which [`list_snapshots`](Self::list_snapshots) finds by the sandbox's name.
    pub async fn make_snapshot(&self, session: &str, kept_for: Option<Duration>) -> Result<SnapshotInfo, VercelError> {
        let call = self
            .call(Method::POST, &["v2", "sandboxes", "sessions", session, "snapshot"])?
            .json(&MakeSnapshotBody { expiration: kept_for.map_or(0, in_milliseconds) })?
            .timeout(self.timeouts().snapshot)
            .non_idempotent();
        Ok(self.fetch::<SnapshotBody>(&call).await?.snapshot)
    }

    /// Returns a snapshot.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) when there is no snapshot with this id. The API may still return a
    /// snapshot that was deleted.
    pub async fn snapshot(&self, id: &str) -> Result<SnapshotInfo, VercelError> {
        let call = self.call(Method::GET, &["v2", "sandboxes", "snapshots", id])?;
        Ok(self.fetch::<SnapshotBody>(&call).await?.snapshot)
    }

    /// Returns a page of the project's snapshots, newest first by default.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses the request.
    pub async fn list_snapshots(&self, list: &ListSnapshots) -> Result<Page<SnapshotInfo>, VercelError> {
        let call = self
            .call(Method::GET, &["v2", "sandboxes", "snapshots"])?
            .query(vec![("project", self.credentials().project_id().to_owned())])
            .query(list.query());
        Ok(self.fetch::<SnapshotsBody>(&call).await?.into())
    }

    /// Deletes a snapshot. Sandboxes that were created from it go on.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) or [`is_gone`](VercelError::is_gone) when there is no snapshot with
    /// this id.
    pub async fn delete_snapshot(&self, id: &str) -> Result<SnapshotInfo, VercelError> {
        let call = self.call(Method::DELETE, &["v2", "sandboxes", "snapshots", id])?;
        Ok(self.fetch::<SnapshotBody>(&call).await?.snapshot)
    }
}
