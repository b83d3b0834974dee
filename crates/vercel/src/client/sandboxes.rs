//! Requests for sandboxes and sessions.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::Client;
use super::call::pause_or_fail;
use crate::api::{
    CreateBody, CreateSandbox, ListSandboxes, NetworkRules, Page, SandboxBody, SandboxInfo, SandboxWithSession,
    SandboxesBody, SessionBody, SessionInfo, Source, StoppedSession, in_milliseconds,
};
use crate::error::VercelError;

impl Client {
    /// Creates a sandbox. Returns when commands can be run in it.
    ///
    /// If the sandbox has a name, the request is tried again after a failure. If it turns out that an earlier attempt
    /// did create the sandbox, it is looked up.
    ///
    /// # Errors
    ///
    /// [`is_snapshot_not_found`](VercelError::is_snapshot_not_found) when the snapshot to start from does not exist. If
    /// any of the attempts may have had an effect, there may be a sandbox; a caller who named it can delete it by that
    /// name.
    pub async fn create_sandbox(&self, sandbox: &CreateSandbox) -> Result<SandboxWithSession, VercelError> {
        self.try_create_sandbox(sandbox, &mut false).await
    }

    /// Does the same as [`create_sandbox`](Self::create_sandbox). After an error, `may_exist` is set if there may be a
    /// sandbox nevertheless.
    pub(crate) async fn try_create_sandbox(
        &self,
        sandbox: &CreateSandbox,
        may_exist: &mut bool,
    ) -> Result<SandboxWithSession, VercelError> {
        // Only the older route accepts a runtime.
        let version = if sandbox.runtime.is_some() { "v2" } else { "v3" };
        let body = CreateBody { project_id: self.credentials().project_id(), sandbox };
        let mut call = self.call(Method::POST, &[version, "sandboxes"])?.timeout(self.timeouts().create).json(&body)?;
        // Without a name, a sandbox whose response got lost could not be found again.
        if sandbox.name.is_none() {
            call = call.non_idempotent();
        }
        let mut attempts = self.attempts(call.idempotency());
        loop {
            let error = match self.fetch_once(&call).await {
                Err(error) => error,
                made => return made,
            };
            match &sandbox.name {
                // An earlier attempt of ours has taken the name.
                Some(name) if *may_exist && error.is_name_taken() => {
                    return self.find_created(name, sandbox, error).await;
                }
                _ => *may_exist |= !error.had_no_effect(),
            }
            pause_or_fail(&mut attempts, &call, error).await?;
        }
    }

    /// Looks up the sandbox that an earlier attempt created and whose response got lost. Fails with `taken` if the
    /// sandbox of this name is another one.
    async fn find_created(
        &self,
        name: &str,
        wanted: &CreateSandbox,
        taken: VercelError,
    ) -> Result<SandboxWithSession, VercelError> {
        let found = self.sandbox(name).await?;
        let source = match &wanted.source {
            Some(Source::Snapshot { snapshot_id }) => Some(snapshot_id),
            _ => None,
        };
        let is_ours = found.sandbox.tags == wanted.tags
            // The API may omit the source, so it is compared only if it is there.
            && (found.session.source_snapshot_id.is_none() || found.session.source_snapshot_id.as_ref() == source);
        if is_ours { Ok(found) } else { Err(taken) }
    }

    /// Returns a sandbox with its current session, whether that runs or not.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) when there is no sandbox with this name.
    pub async fn sandbox(&self, name: &str) -> Result<SandboxWithSession, VercelError> {
        self.fetch(&self.by_name(Method::GET, name)?).await
    }

    /// Returns a sandbox with a running session. If the last session has ended, the API starts another one from its
    /// snapshot.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) when there is no sandbox with this name;
    /// [`is_snapshot_not_found`](VercelError::is_snapshot_not_found) when it has no snapshot.
    pub async fn resume_sandbox(&self, name: &str) -> Result<SandboxWithSession, VercelError> {
        let call = self.by_name(Method::GET, name)?.query(vec![("resume", "true".to_owned())]);
        self.fetch(&call.timeout(self.timeouts().create)).await
    }

    /// Returns a page of the project's sandboxes, newest first by default.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses the request.
    pub async fn list_sandboxes(&self, list: &ListSandboxes) -> Result<Page<SandboxInfo>, VercelError> {
        let call = self
            .call(Method::GET, &["v2", "sandboxes"])?
            .query(vec![("project", self.credentials().project_id().to_owned())])
            .query(list.query());
        Ok(self.fetch::<SandboxesBody>(&call).await?.into())
    }

    /// Stops a sandbox, if it runs, and deletes it. Snapshots that were taken of it stay.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) when there is no sandbox with this name.
    pub async fn delete_sandbox(&self, name: &str) -> Result<SandboxInfo, VercelError> {
        Ok(self.fetch::<SandboxBody>(&self.by_name(Method::DELETE, name)?).await?.sandbox)
    }

    /// Stops a session and returns when it has stopped. Succeeds if it had stopped before.
    ///
    /// # Errors
    ///
    /// When there is no session with this id, or the API cannot be reached.
    pub async fn stop_session(&self, session: &str) -> Result<StoppedSession, VercelError> {
        let call = self.call(Method::POST, &["v2", "sandboxes", "sessions", session, "stop"])?;
        self.fetch(&call.timeout(self.timeouts().snapshot)).await
    }

    /// Extends the time of a session by at least a second.
    ///
    /// # Errors
    ///
    /// When the session has ended, or would run for longer than the plan allows. The request is never repeated, because
    /// each one adds its time. After an error that did not certainly have [no effect](VercelError::had_no_effect), the
    /// time may be extended all the same.
    pub async fn extend_timeout(&self, session: &str, by: Duration) -> Result<SessionInfo, VercelError> {
        let call = self
            .call(Method::POST, &["v2", "sandboxes", "sessions", session, "extend-timeout"])?
            .json(&json!({ "duration": in_milliseconds(by) }))?
            .non_idempotent();
        Ok(self.fetch::<SessionBody>(&call).await?.session)
    }

    /// Changes the network policy of a session, with immediate effect.
    ///
    /// # Errors
    ///
    /// When the session has ended, or the API refuses the rules.
    pub async fn set_network_policy(&self, session: &str, rules: &NetworkRules) -> Result<SessionInfo, VercelError> {
        let call = self.call(Method::POST, &["v2", "sandboxes", "sessions", session, "network-policy"])?.json(rules)?;
        Ok(self.fetch::<SessionBody>(&call).await?.session)
    }

    /// Creates a call for a sandbox by its name.
    fn by_name(&self, method: Method, name: &str) -> Result<super::call::Call, VercelError> {
        let project = vec![("projectId", self.credentials().project_id().to_owned())];
        Ok(self.call(method, &["v2", "sandboxes", name])?.query(project))
    }
}
