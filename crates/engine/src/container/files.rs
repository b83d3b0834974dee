//! Files of a container, written and read by processes in the container.

use std::io;

use async_trait::async_trait;
use workers_domain::LogStream;
use workers_domain::ports::{ByteSource, CommandEvent, ContainerCommand, ExitStatus, SandboxError, SandboxErrorKind};

use super::command::{Input, LocalContainerCommand};
use crate::message::Tool;

/// How many bytes of a tool's error message are kept.
const MOST_PRINTED: usize = 1024;

/// Writes bytes to a tool's input and waits for its end.
pub(super) async fn feed(
    mut tool: LocalContainerCommand,
    input: Input,
    bytes: &mut dyn ByteSource,
) -> Result<(), SandboxError> {
    let fed = async move {
        while let Some(piece) = bytes.next().await? {
            if let Err(error) = input.write_all(piece).await {
                // The tool has ended; its own message says why.
                return if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) };
            }
        }
        Ok(())
    };
    // At the same time, because a tool that prints while it reads must not block on its output.
    let (fed, ended) = tokio::join!(fed, finish(&mut tool, String::new()));
    fed.map_err(|error| SandboxError::failed("the bytes to write broke off", error))?;
    ended
}

/// Waits for the end of a tool that prints nothing but error messages; `printed` is what it has printed so far.
pub(super) async fn finish(tool: &mut LocalContainerCommand, mut printed: String) -> Result<(), SandboxError> {
    loop {
        match tool.next_event().await? {
            Some(CommandEvent::Output { bytes, .. }) => append(&mut printed, &bytes),
            Some(CommandEvent::Exited(exit)) => return outcome(exit.status, &printed),
            None => return Ok(()),
        }
    }
}

fn append(printed: &mut String, bytes: &[u8]) {
    let room = MOST_PRINTED.saturating_sub(printed.len());
    printed.push_str(&String::from_utf8_lossy(bytes.get(..room.min(bytes.len())).unwrap_or_default()));
}

fn outcome(status: ExitStatus, printed: &str) -> Result<(), SandboxError> {
    let kind = match status {
        ExitStatus::Code(0) => return Ok(()),
        ExitStatus::Code(Tool::NOT_FOUND) => SandboxErrorKind::FileNotFound,
        ExitStatus::Code(_) => SandboxErrorKind::FileRefused,
        ExitStatus::Signal(_) => {
            return Err(SandboxError::new(SandboxErrorKind::FileRefused, "the file operation was killed"));
        }
    };
    Err(SandboxError::new(kind, printed.trim()))
}

/// A file that is being read.
pub(super) struct Reading {
    tool: LocalContainerCommand,
    /// The first bytes, read by [`begin`](Self::begin).
    first: Option<Vec<u8>>,
    is_over: bool,
}

impl Reading {
    /// Waits until the first bytes arrive, or the tool ends or fails.
    pub(super) async fn begin(mut tool: LocalContainerCommand) -> Result<Self, SandboxError> {
        // So that a file that cannot be read is an error of the request, before any bytes were sent.
        match tool.next_event().await? {
            Some(CommandEvent::Output { stream: LogStream::Stdout, bytes }) => {
                Ok(Self { tool, first: Some(bytes), is_over: false })
            }
            Some(CommandEvent::Output { bytes, .. }) => {
                let mut printed = String::new();
                append(&mut printed, &bytes);
                finish(&mut tool, printed).await?;
                Ok(Self { tool, first: None, is_over: true })
            }
            Some(CommandEvent::Exited(exit)) => {
                outcome(exit.status, "")?;
                Ok(Self { tool, first: None, is_over: true })
            }
            None => Ok(Self { tool, first: None, is_over: true }),
        }
    }
}

#[async_trait]
impl ByteSource for Reading {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        while !self.is_over {
            match self.tool.next_event().await.map_err(io::Error::other)? {
                Some(CommandEvent::Output { stream: LogStream::Stdout, bytes }) => return Ok(Some(bytes)),
                Some(CommandEvent::Output { .. }) => {}
                Some(CommandEvent::Exited(exit)) => {
                    self.is_over = true;
                    if exit.status != ExitStatus::Code(0) {
                        return Err(io::Error::other("the file could not be read to its end"));
                    }
                }
                None => self.is_over = true,
            }
        }
        Ok(None)
    }
}
