//! Streams: what commands print, as they print it.

use reqwest::Response;

use crate::api::{CommandInfo, OutputStream, StreamLine};
use crate::error::{ErrorDetail, StreamError, VercelError};
use crate::ndjson::LineBuffer;

/// A command that was started, and what comes of it.
#[derive(Debug)]
pub struct RunningCommand {
    /// The command as it started.
    pub info: CommandInfo,
    /// What it prints, and its end.
    pub events: CommandEvents,
}

/// What a command printed, in one piece: no line, but what the API had at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where.
    pub stream: OutputStream,
    /// What. Bytes that are no UTF-8 come as replacement characters.
    pub text: String,
}

/// What a command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// It printed something.
    Output(Output),
    /// It ended.
    Finished(CommandInfo),
}

/// What a command prints, and its end.
///
/// There is no time limit between two events, for a command may be silent: whoever wants one puts it around
/// [`next`](Self::next), which may be dropped and called again without losing anything.
#[derive(Debug)]
pub struct CommandEvents {
    lines: LineStream,
    is_finished: bool,
}

/// What a command printed, from the beginning, and prints until it ends.
#[derive(Debug)]
pub struct LogEvents {
    lines: LineStream,
}

impl CommandEvents {
    pub(super) const fn new(lines: LineStream) -> Self {
        Self { lines, is_finished: false }
    }

    /// What happens next; `None` once it has finished.
    ///
    /// # Errors
    ///
    /// When the stream breaks off before the command ends, which then goes on:
    /// [`command_logs`](super::Client::command_logs) and [`wait_for_command`](super::Client::wait_for_command) tell
    /// what came of it.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>, VercelError> {
        if self.is_finished {
            return Ok(None);
        }
        match self.lines.next_line().await? {
            Some(StreamLine::Output { stream, data }) => Ok(Some(StreamEvent::Output(Output { stream, text: data }))),
            Some(StreamLine::Command(info)) => {
                self.is_finished = true;
                Ok(Some(StreamEvent::Finished(info)))
            }
            Some(StreamLine::Error(error)) => Err(StreamError::from(error).into()),
            None => Err(StreamError::EndedEarly.into()),
        }
    }
}

impl LogEvents {
    pub(super) const fn new(lines: LineStream) -> Self {
        Self { lines }
    }

    /// What it printed next; `None` when the stream has ended, which is when the command has, unless something in
    /// between cut it off neatly. May be dropped and called again without losing anything.
    ///
    /// # Errors
    ///
    /// When the stream breaks off.
    pub async fn next(&mut self) -> Result<Option<Output>, VercelError> {
        match self.lines.next_line().await? {
            Some(StreamLine::Output { stream, data }) => Ok(Some(Output { stream, text: data })),
            Some(StreamLine::Command(_)) => Err(StreamError::Malformed("a command among logs".to_owned()).into()),
            Some(StreamLine::Error(error)) => Err(StreamError::from(error).into()),
            None => Ok(None),
        }
    }
}

/// An answer that is read line by line.
#[derive(Debug)]
pub(super) struct LineStream {
    response: Response,
    buffer: LineBuffer,
    has_ended: bool,
}

impl LineStream {
    pub(super) fn new(response: Response) -> Self {
        Self { response, buffer: LineBuffer::default(), has_ended: false }
    }

    /// The next line; `None` when the answer has ended in order. May be dropped and called again without losing
    /// anything.
    pub(super) async fn next_line(&mut self) -> Result<Option<StreamLine>, VercelError> {
        loop {
            if let Some(line) = self.buffer.next_line()? {
                return parse(&line).map(Some);
            }
            if self.has_ended {
                // A line without its end is most likely half a line.
                let rest = self.buffer.take_rest();
                return rest.map(|line| parse(&line).map_err(|_| StreamError::EndedEarly.into())).transpose();
            }
            match self.response.chunk().await {
                Ok(Some(piece)) => self.buffer.push(&piece),
                Ok(None) => self.has_ended = true,
                Err(error) => return Err(VercelError::Connection(error.without_url())),
            }
        }
    }
}

fn parse(line: &[u8]) -> Result<StreamLine, VercelError> {
    StreamLine::parse(line).map_err(|error| StreamError::Malformed(error.to_string()).into())
}

impl From<ErrorDetail> for StreamError {
    fn from(error: ErrorDetail) -> Self {
        Self::Closed { code: error.code.unwrap_or_default(), message: error.message.unwrap_or_default() }
    }
}
