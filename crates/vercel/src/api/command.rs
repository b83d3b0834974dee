//! Commands and their output.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sandbox::{milliseconds, null_as_default};
use crate::error::ErrorDetail;

/// A command to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunCommand {
    /// The program, searched for in the sandbox's `PATH`. There is no shell.
    #[serde(rename = "command")]
    pub program: String,
    /// The arguments of the program.
    pub args: Vec<String>,
    /// The working directory; the session's working directory if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Environment variables, in addition to the sandbox's.
    pub env: BTreeMap<String, String>,
    /// Whether to run it as root.
    pub sudo: bool,
    /// How long it may run before the API sends SIGKILL: 100 ms to five hours.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
}

/// A command, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandInfo {
    /// The command's id.
    pub id: String,
    /// The program, as the request named it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// The arguments of the program.
    #[serde(default, deserialize_with = "null_as_default")]
    pub args: Vec<String>,
    /// The exit code, once the command has ended; 128 plus the signal's number if a signal ended it.
    pub exit_code: Option<i32>,
    /// How long the command ran, in milliseconds, once it has ended.
    pub duration_ms: Option<u64>,
}

/// An output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The body of a request to run a command, and whether the response waits for its end.
#[derive(Serialize)]
pub(crate) struct CommandBody<'a> {
    #[serde(flatten)]
    pub(crate) command: &'a RunCommand,
    #[serde(flatten)]
    pub(crate) wait: Option<Wait>,
}

/// The members of a request that make the response a stream.
#[derive(Serialize)]
pub(crate) struct Wait {
    wait: bool,
    logs: bool,
}

impl Wait {
    pub(crate) const WITH_LOGS: Self = Self { wait: true, logs: true };
}

/// One line of a command's stream.
#[derive(Debug)]
pub(crate) enum StreamLine {
    Command(CommandInfo),
    Output { stream: OutputStream, data: String },
    Error(ErrorDetail),
}

/// A line of either form, as it is parsed.
#[derive(Deserialize)]
struct AnyLine {
    command: Option<CommandInfo>,
    stream: Option<String>,
    data: Option<serde_json::Value>,
}

impl StreamLine {
    /// Parses a line. An unknown form is an error, because output must not get lost.
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
