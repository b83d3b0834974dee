//! Commands of a session.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Client;
use super::call::{Call, within};
use super::stream::{CommandEvents, LineStream, LogEvents, RunningCommand};
use crate::api::{CommandBody, CommandInfo, RunCommand, StreamLine, Wait};
use crate::error::{StreamError, VercelError};

#[derive(Deserialize)]
struct CommandResponse {
    command: CommandInfo,
}

impl Client {
    /// Runs a command and follows it in one request. Returns when the command has started, with a stream of its output
    /// and its end.
    ///
    /// The request is never sent again if it may have arrived. The command goes on if the stream is dropped.
    ///
    /// # Errors
    ///
    /// [`is_executable_not_found`](VercelError::is_executable_not_found) when the program does not exist;
    /// [`is_gone`](VercelError::is_gone) when the session has ended. Unless the error [had no
    /// effect](VercelError::had_no_effect), the command may be running.
    pub async fn run_command(&self, session: &str, command: &RunCommand) -> Result<RunningCommand, VercelError> {
        let call = self.start(session, &CommandBody { command, wait: Some(Wait::WITH_LOGS) })?;
        let mut lines = LineStream::new(self.open(&call).await?);
        let timeout = self.timeouts().command_start;
        match within(timeout, lines.next_line()).await? {
            Some(StreamLine::Command(info)) => Ok(RunningCommand { info, events: CommandEvents::new(lines) }),
            Some(StreamLine::Error(error)) => Err(StreamError::from(error).into()),
            Some(StreamLine::Output { .. }) => {
                Err(StreamError::Malformed("output before the command has started".to_owned()).into())
            }
            None => Err(StreamError::EndedEarly.into()),
        }
    }

    /// Starts a command and returns when it runs. The API keeps its output for [`command_logs`](Self::command_logs) for
    /// as long as the session lives.
    ///
    /// # Errors
    ///
    /// The same as for [`run_command`](Self::run_command).
    pub async fn start_command(&self, session: &str, command: &RunCommand) -> Result<CommandInfo, VercelError> {
        let call = self.start(session, &CommandBody { command, wait: None })?;
        Ok(self.fetch::<CommandResponse>(&call).await?.command)
    }

    fn start(&self, session: &str, body: &CommandBody<'_>) -> Result<Call, VercelError> {
        let call = self.call(Method::POST, &["v2", "sandboxes", "sessions", session, "cmd"])?.json(body)?;
        Ok(call.timeout(self.timeouts().command_start).non_idempotent())
    }

    /// Returns a command in its current state.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](VercelError::is_not_found) when there is no command with this id;
    /// [`is_gone`](VercelError::is_gone) when the session has ended, because the API forgets the commands of a session
    /// at its end.
    pub async fn command(&self, session: &str, command: &str) -> Result<CommandInfo, VercelError> {
        let call = self.call(Method::GET, &["v2", "sandboxes", "sessions", session, "cmd", command])?;
        Ok(self.fetch::<CommandResponse>(&call).await?.command)
    }

    /// Waits until a command has ended and returns it. Repeats the request where a proxy ends it before the command
    /// ends.
    ///
    /// # Errors
    ///
    /// [`VercelError::Timeout`] when the command has not ended within `limit`; otherwise the same as for
    /// [`command`](Self::command).
    pub async fn wait_for_command(
        &self,
        session: &str,
        command: &str,
        limit: Duration,
    ) -> Result<CommandInfo, VercelError> {
        let call = self
            .call(Method::GET, &["v2", "sandboxes", "sessions", session, "cmd", command])?
            .query(vec![("wait", "true".to_owned())])
            .timeout(limit);
        // One limit around all attempts, because `fetch` repeats the request.
        within(limit, async { Ok(self.fetch::<CommandResponse>(&call).await?.command) }).await
    }

    /// Sends a signal to a command. For a command that has ended already, the API may return an error or success.
    ///
    /// # Errors
    ///
    /// When there is no command with this id, or the session has ended.
    pub async fn kill_command(&self, session: &str, command: &str, signal: i32) -> Result<CommandInfo, VercelError> {
        let call = self
            .call(Method::POST, &["v2", "sandboxes", "sessions", session, "cmd", command, "kill"])?
            .json(&json!({ "signal": signal }))?;
        Ok(self.fetch::<CommandResponse>(&call).await?.command)
    }

    /// Returns everything that a command has printed, from the beginning, and continues with its further output until
    /// it ends.
    ///
    /// # Errors
    ///
    /// The same as for [`command`](Self::command).
    pub async fn command_logs(&self, session: &str, command: &str) -> Result<LogEvents, VercelError> {
        let call = self.call(Method::GET, &["v2", "sandboxes", "sessions", session, "cmd", command, "logs"])?;
        Ok(LogEvents::new(LineStream::new(self.open(&call).await?)))
    }
}
