//! Resumes sandboxes.

use std::sync::Arc;

use super::Registry;
use super::tables::View;
use crate::error::{ApiError, ErrorCode, snapshot_gone};
use crate::model::{SandboxKey, SessionStatus};
use crate::store::Kind;

/// A sandbox whose session is running.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// The sandbox with its session.
    pub(crate) view: View,
    /// Whether the session was started by this request.
    pub(crate) is_new: bool,
}

impl Registry {
    /// Returns a sandbox with a running session, starting one if needed. Waits for a session that is ending. Concurrent
    /// calls return the same session.
    #[tracing::instrument(name = "sandboxes.resume", skip_all, fields(sandbox.name = key.name))]
    pub(crate) async fn resume(self: &Arc<Self>, key: &SandboxKey) -> Result<Resumed, ApiError> {
        let transition = {
            let tables = self.tables();
            let entry = tables.sandboxes.get(key).ok_or_else(|| super::read::not_found(key))?;
            Arc::clone(&entry.transition)
        };
        let _excluded = transition.lock().await;
        let view = self.find(key)?;
        // If the sandbox was deleted meanwhile and another one was created under its name, that one runs.
        if view.session.status == SessionStatus::Running {
            return Ok(Resumed { view, is_new: false });
        }
        let sandbox = &view.sandbox;
        let snapshot = sandbox.current_snapshot.as_deref().ok_or_else(|| {
            ApiError::new(ErrorCode::NothingToResume, "Cannot resume sandbox: no snapshot available.")
        })?;
        let launched = self
            .launch(sandbox, Some(snapshot))
            .await
            // The client named a sandbox and no snapshot, so "not found" would be taken for the sandbox.
            .map_err(|error| if error.code() == ErrorCode::NotFound { snapshot_gone() } else { error })?;
        let now = self.now();
        let id = launched.record.id.clone();
        self.attach(launched, &transition);
        {
            let mut tables = self.tables();
            if let Some(entry) = tables.sandboxes.get_mut(key) {
                entry.record.current_session = id;
                entry.record.updated_at = now;
                entry.record.status_updated_at = now;
            }
            tables.save_sandbox(key);
        }
        let view = self.find(key)?;
        let records = [(Kind::Sandbox, view.sandbox.file.as_str()), (Kind::Session, view.session.id.as_str())];
        // If this fails, the session goes on, and the next request to resume finds it.
        self.store.confirm(&records).await?;
        tracing::info!(sandbox.name = key.name, session.id = view.session.id, "a sandbox was resumed");
        Ok(Resumed { view, is_new: true })
    }
}
