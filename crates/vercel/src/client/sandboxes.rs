//! Sandboxes: made, looked at, changed, ended.

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
    /// Makes a sandbox, and answers when commands can be run in it.
    ///
    /// A named one is asked for again after a failure; if it turns out that the first attempt had made it after all, it
    /// is looked up.
    ///
    /// # Errors
    ///
    /// [`is_snapshot_not_found`](VercelError::is_snapshot_not_found) when what it should start from is gone. If any of
    /// the attempts may have had an effect there may be a sandbox, and whoever gave it a name can delete it.
    pub async fn create_sandbox(&self, sandbox: &CreateSandbox) -> Result<SandboxWithSession, VercelError> {
        self.try_create_sandbox(sandbox, &mut false).await
    }

    /// As [`create_sandbox`](Self::create_sandbox). After an error, `may_exist` is set if there may be a sandbox
    /// nevertheless.
    pub(crate) async fn try_create_sandbox(
        &self,
        sandbox: &CreateSandbox,
        may_exist: &mut bool,
    ) -> Result<SandboxWithSession, VercelError> {
        // A runtime is named by the older route alone.
        let version = if sandbox.runtime.is_some() { "v2" } else { "v3" };
        let body = CreateBody { project_id: self.credentials().project_id(), sandbox };
        let mut call = self.call(Method::POST, &[version, "sandboxes"])?.timeout(self.timeouts().create).json(&body)?;
        if sandbox.name.is_none() {
            call = call.harmful_twice();
        }
        let mut attempts = self.attempts(call.repeat());
        loop {
            let error = match self.answer_once(&call).await {
                Err(error) => error,
                made => return made,
            };
            match &sandbox.name {
                // We were here before.
                Some(name) if *may_exist && error.is_name_taken() => {
                    return self.made_before(name, sandbox, error).await;
                }
                _ => *may_exist |= !error.had_no_effect(),
            }
            pause_or_fail(&mut attempts, &call, error).await?;
        }
    }

    /// A sandbox that an attempt made whose answer got lost.
    async fn made_before(
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
            && (found.session.source_snapshot_id.is_none() || found.session.source_snapshot_id.as_ref() == source);
        if is_ours { Ok(found) } else { Err(taken) }
    }

    /// A sandbox with its current session, whether that runs or not.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) when there is none of this name.
    pub async fn sandbox(&self, name: &str) -> Result<SandboxWithSession, VercelError> {
        self.answer(&self.by_name(Method::GET, name)?).await
    }

    /// A sandbox with a session that runs: if the last one has ended, another is started from what was kept of it.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) when there is none of this name;
    /// [`is_snapshot_not_found`](VercelError::is_snapshot_not_found) when nothing was kept.
    pub async fn resume_sandbox(&self, name: &str) -> Result<SandboxWithSession, VercelError> {
        let call = self.by_name(Method::GET, name)?.query(vec![("resume", "true".to_owned())]);
        self.answer(&call.timeout(self.timeouts().create)).await
    }

    /// A page of the project's sandboxes, the newest first unless asked otherwise.
    ///
    /// # Errors
    ///
    /// When the API does not answer, or does not like the request.
    pub async fn list_sandboxes(&self, list: &ListSandboxes) -> Result<Page<SandboxInfo>, VercelError> {
        let call = self
            .call(Method::GET, &["v2", "sandboxes"])?
            .query(vec![("project", self.credentials().project_id().to_owned())])
            .query(list.query());
        Ok(self.answer::<SandboxesBody>(&call).await?.into())
    }

    /// Stops a sandbox, if it runs, and forgets it. Snapshots that were made of it stay.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) when there is none of this name.
    pub async fn delete_sandbox(&self, name: &str) -> Result<SandboxInfo, VercelError> {
        Ok(self.answer::<SandboxBody>(&self.by_name(Method::DELETE, name)?).await?.sandbox)
    }

    /// Stops a session, and answers when it has stopped. One that had stopped before is no error.
    ///
    /// # Errors
    ///
    /// When there is none of this id, or the API does not answer.
    pub async fn stop_session(&self, session: &str) -> Result<StoppedSession, VercelError> {
        let call = self.call(Method::POST, &["v2", "sandboxes", "sessions", session, "stop"])?;
        self.answer(&call.timeout(self.timeouts().snapshot)).await
    }

    /// Lets a session run for longer, by at least a second.
    ///
    /// # Errors
    ///
    /// When it has ended, or would run for longer than the plan allows. After an error that did not certainly have [no
    /// effect](VercelError::had_no_effect), it may run for longer all the same: each such request adds its part, so
    /// none is repeated.
    pub async fn extend_timeout(&self, session: &str, by: Duration) -> Result<SessionInfo, VercelError> {
        let call = self
            .call(Method::POST, &["v2", "sandboxes", "sessions", session, "extend-timeout"])?
            .json(&json!({ "duration": in_milliseconds(by) }))?
            .harmful_twice();
        Ok(self.answer::<SessionBody>(&call).await?.session)
    }

    /// Changes whom a session may talk to, at once.
    ///
    /// # Errors
    ///
    /// When it has ended, or the API does not like the rules.
    pub async fn set_network_policy(&self, session: &str, rules: &NetworkRules) -> Result<SessionInfo, VercelError> {
        let call = self.call(Method::POST, &["v2", "sandboxes", "sessions", session, "network-policy"])?.json(rules)?;
        Ok(self.answer::<SessionBody>(&call).await?.session)
    }

    /// A call about a sandbox.
    fn by_name(&self, method: Method, name: &str) -> Result<super::call::Call, VercelError> {
        let project = vec![("projectId", self.credentials().project_id().to_owned())];
        Ok(self.call(method, &["v2", "sandboxes", name])?.query(project))
    }
}
