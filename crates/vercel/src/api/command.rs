//! Commands and what they print.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sandbox::{milliseconds, null_as_default};
use crate::error::ErrorDetail;

/// A command to be run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunCommand {
    /// The program, looked for in the sandbox's `PATH`. There is no shell.
    #[serde(rename = "command")]
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where; the session's working directory if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// On top of the sandbox's environment.
    pub env: BTreeMap<String, String>,
    /// As root.
    pub sudo: bool,
    /// After which time it gets SIGKILL: 100 ms to five hours.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandInfo {
    /// Its id.
    pub id: String,
    /// The program, as it was asked for.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// Its arguments.
    #[serde(default, deserialize_with = "null_as_default")]
    pub args: Vec<String>,
    /// Its exit code, once it has ended; 128 and the signal's number if a signal ended it.
    pub exit_code: Option<i32>,
    /// How long it ran, in milliseconds, once it has ended.
    pub duration_ms: Option<u64>,
}

/// Which of a command's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A command to be run, and whether it is waited for.
#[derive(Serialize)]
pub(crate) struct CommandBody<'a> {
    #[serde(flatten)]
    pub(crate) command: &'a RunCommand,
    #[serde(flatten)]
    pub(crate) wait: Option<Wait>,
}

/// What makes the answer a stream.
#[derive(Serialize)]
pub(crate) struct Wait {
    wait: bool,
    logs: bool,
}

impl Wait {
    pub(crate) const WITH_LOGS: Self = Self { wait: true, logs: true };
}

/// A line of a command's stream.
#[derive(Debug)]
pub(crate) enum StreamLine {
    Command(CommandInfo),
    Output { stream: OutputStream, data: String },
    Error(ErrorDetail),
}

/// Both forms of a line.
#[derive(Deserialize)]
struct AnyLine {
    command: Option<CommandInfo>,
    stream: Option<String>,
    data: Option<serde_json::Value>,
}

impl StreamLine {
    /// Reads a line. One that says something which is not known here is an error: output must not get lost.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        use serde::de::Error;

        let AnyLine { command, stream, data } = serde_json::from_slice(line)?;
        if let Some(command) = command {
            return Ok(Self::Command(command));
        }
        let output = |stream, data: Option<serde_json::Value>| match data {
            Some(serde_json::Value::String(data)) => Ok(Self::Output { stream, data }),
            _ => Err(Error::custom("output that is no text")),
        };
        match stream.as_deref() {
            Some("stdout") => output(OutputStream::Stdout, data),
            Some("stderr") => output(OutputStream::Stderr, data),
            Some("error") => Ok(Self::Error(serde_json::from_value(data.unwrap_or_default())?)),
            _ => Err(Error::custom("neither a command nor output nor an error")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_commands_output_or_errors() {
        let parse = |line: &str| StreamLine::parse(line.as_bytes());
        assert!(matches!(
            parse(r#"{"command":{"id":"cmd_1","exitCode":null,"name":null}}"#),
            Ok(StreamLine::Command(CommandInfo { exit_code: None, .. }))
        ));
        assert!(matches!(
            parse(r#"{"data":"\u00e4\ud83d\ude00","stream":"stdout"}"#),
            Ok(StreamLine::Output { stream: OutputStream::Stdout, data }) if data == "ä😀"
        ));
        assert!(matches!(
            parse(r#"{"stream":"error","data":{"code":"sandbox_stream_closed","message":"m"}}"#),
            Ok(StreamLine::Error(ErrorDetail { code: Some(code), .. })) if code == "sandbox_stream_closed"
        ));
        for line in ["", "{}", r#"{"stream":"stdin","data":""}"#, r#"{"stream":"stdout","data":1}"#, "<html>"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
