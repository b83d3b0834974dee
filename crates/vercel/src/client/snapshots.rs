//! Snapshots: made, looked at, removed.

use std::time::Duration;

use reqwest::Method;

use super::Client;
use crate::api::{ListSnapshots, MakeSnapshotBody, Page, SnapshotBody, SnapshotInfo, SnapshotsBody, in_milliseconds};
use crate::error::VercelError;

impl Client {
    /// Freezes the files of a session, which ends with it. Answers when the snapshot can be used.
    ///
    /// It is kept for that long after each use, or for ever; the API wants a day at least.
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
            .harmful_twice();
        Ok(self.answer::<SnapshotBody>(&call).await?.snapshot)
    }

    /// A snapshot.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) when there is none of this id. One that was deleted may still be
    /// told of.
    pub async fn snapshot(&self, id: &str) -> Result<SnapshotInfo, VercelError> {
        let call = self.call(Method::GET, &["v2", "sandboxes", "snapshots", id])?;
        Ok(self.answer::<SnapshotBody>(&call).await?.snapshot)
    }

    /// A page of the project's snapshots, the newest first unless asked otherwise.
    ///
    /// # Errors
    ///
    /// When the API does not answer, or does not like the request.
    pub async fn list_snapshots(&self, list: &ListSnapshots) -> Result<Page<SnapshotInfo>, VercelError> {
        let call = self
            .call(Method::GET, &["v2", "sandboxes", "snapshots"])?
            .query(vec![("project", self.credentials().project_id().to_owned())])
            .query(list.query());
        Ok(self.answer::<SnapshotsBody>(&call).await?.into())
    }

    /// Removes a snapshot. Sandboxes that were made from it go on.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) or [`is_gone`](VercelError::is_gone) when there is none of this id.
    pub async fn delete_snapshot(&self, id: &str) -> Result<SnapshotInfo, VercelError> {
        let call = self.call(Method::DELETE, &["v2", "sandboxes", "snapshots", id])?;
        Ok(self.answer::<SnapshotBody>(&call).await?.snapshot)
    }
}
