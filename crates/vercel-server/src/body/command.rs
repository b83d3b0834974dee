//! Commands in requests and responses.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sandbox_request::{MAX_WORDS_BYTES, check_env};
use crate::error::{ApiError, ErrorCode};
use crate::model::Millis;
use crate::session::{Command, CommandRequest, Outcome};

/// A request to run a command.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunCommandRequest {
    command: String,
    #[serde(default)]
    args: Vec<String>,
    cwd: Option<String>,
    env: Option<BTreeMap<String, String>>,
    sudo: Option<bool>,
    /// Whether the response is a stream that ends with the command.
    #[serde(default)]
    pub(crate) wait: bool,
    /// Whether that stream contains the output of the command.
    #[serde(default)]
    pub(crate) logs: bool,
    timeout: Option<u64>,
    attach_stdin: Option<bool>,
}

impl RunCommandRequest {
    /// Validates the request. A relative or missing `cwd` is resolved against `session_cwd`.
    pub(crate) fn parse(self, session_cwd: &str) -> Result<CommandRequest, ApiError> {
        if self.attach_stdin == Some(true) {
            let message = "Input for commands is not offered by this server; `attachStdin` must be false.";
            return Err(ApiError::new(ErrorCode::NotSupported, message));
        }
        if self.command.is_empty() || self.command.contains('\0') || self.args.iter().any(|arg| arg.contains('\0')) {
            return Err(ApiError::bad_request(
                "`command` must not be empty, and neither it nor `args` may contain NUL.",
            ));
        }
        if self.command.len() + self.args.iter().map(String::len).sum::<usize>() > MAX_WORDS_BYTES {
            let message = format!("`command` and `args` must have at most {MAX_WORDS_BYTES} bytes together.");
            return Err(ApiError::bad_request(message));
        }
        // The limits of the hosted service: 100 ms to five hours.
        if self.timeout.is_some_and(|timeout| !(100..=18_000_000).contains(&timeout)) {
            return Err(ApiError::bad_request("`timeout` must be from 100 to 18000000 ms."));
        }
        let env = self.env.unwrap_or_default();
        check_env(&env)?;
        Ok(CommandRequest {
            program: self.command,
            args: self.args,
            cwd: absolute(self.cwd.as_deref().unwrap_or_default(), session_cwd)?,
            env: env.into_iter().collect(),
            as_root: self.sudo.unwrap_or_default(),
            timeout: self.timeout.map(Duration::from_millis),
        })
    }
}

/// Returns an absolute path as it is and resolves a relative path against `directory`.
pub(crate) fn absolute(path: &str, directory: &str) -> Result<String, ApiError> {
    // Linux accepts no longer path (`PATH_MAX`).
    if path.contains('\0') || path.len() > 4096 {
        return Err(ApiError::bad_request("A path must have at most 4096 bytes and must not contain NUL."));
    }
    Ok(match path {
        "" => directory.to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("{}/{path}", directory.trim_end_matches('/')),
    })
}

/// A response that contains one command.
#[derive(Debug, Serialize)]
pub(crate) struct CommandResponse {
    /// The command.
    pub(crate) command: CommandView,
}

/// A command as responses show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommandView {
    id: String,
    name: String,
    args: Vec<String>,
    cwd: String,
    session_id: String,
    started_at: Millis,
    /// `null` while the command runs.
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

impl CommandView {
    /// Builds the view of a command in its current state.
    pub(crate) fn new(session: &str, command: &Command) -> Self {
        Self::with_outcome(session, command, command.outcome())
    }

    /// Builds the view of a command with the given outcome. The first line of a stream shows the command as running,
    /// even if it has ended meanwhile.
    pub(crate) fn with_outcome(session: &str, command: &Command, outcome: Option<Outcome>) -> Self {
        let (exit_code, duration_ms) = match outcome {
            Some(Outcome::Exited { code, duration }) => (Some(code), Some(duration)),
            Some(Outcome::Lost) | None => (None, None),
        };
        Self {
            id: command.id.clone(),
            name: command.name.clone(),
            args: command.args.clone(),
            cwd: command.cwd.clone(),
            session_id: session.to_owned(),
            started_at: command.started_at,
            exit_code,
            duration_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_from_the_directory_unless_it_is_absolute() {
        for (path, directory, result) in [
            ("", "/vercel", "/vercel"),
            ("a/b", "/vercel", "/vercel/a/b"),
            ("a", "/", "/a"),
            ("/tmp", "/vercel", "/tmp"),
        ] {
            assert_eq!(absolute(path, directory).unwrap(), result);
        }
        assert!(absolute("a\0b", "/").is_err());
    }
}
