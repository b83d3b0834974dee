//! Streams: the output of commands while they run.

use reqwest::Response;

use crate::api::{CommandInfo, OutputStream, StreamLine};
use crate::error::{ErrorDetail, StreamError, VercelError};
use crate::ndjson::LineBuffer;

/// A command that was started, and its stream.
#[derive(Debug)]
pub struct RunningCommand {
    /// The command at its start.
    pub info: CommandInfo,
    /// The output of the command, and its end.
    pub events: CommandEvents,
}

/// A piece of a command's output. It is not a line, but what the API had at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The output that the text belongs to.
    pub stream: OutputStream,
    /// The text. Bytes that are not UTF-8 arrive as replacement characters.
    pub text: String,
}

/// An event of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// The command printed something.
    Output(Output),
    /// The command ended.
    Finished(CommandInfo),
}

/// The output of a command, and its end.
///
/// There is no time limit between two events, because a command may be silent. To limit the time, put a timeout around
/// [`next`](Self::next), which is cancel safe: it may be dropped and called again without losing anything.
#[derive(Debug)]
pub struct CommandEvents {
    lines: LineStream,
    is_finished: bool,
}

/// The output of a command, from its beginning to its end.
#[derive(Debug)]
pub struct LogEvents {
    lines: LineStream,
}

impl CommandEvents {
    pub(super) const fn new(lines: LineStream) -> Self {
        Self { lines, is_finished: false }
    }

    /// Waits for the next event; returns `None` after the end.
    ///
    /// # Errors
    ///
    /// When the stream breaks off before the command ends. The command then goes on:
    /// [`command_logs`](super::Client::command_logs) and [`wait_for_command`](super::Client::wait_for_command) return
    /// the rest.
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
            // The last line reports the end of the command. Without it, something in between has ended the stream.
            None => Err(StreamError::EndedEarly.into()),
        }
    }
}

impl LogEvents {
    pub(super) const fn new(lines: LineStream) -> Self {
        Self { lines }
    }

    /// Waits for the next piece of output; returns `None` when the stream has ended. That means that the command has
    /// ended, unless a proxy closed the stream in an orderly way. May be dropped and called again without losing
    /// anything.
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

/// A response that is read line by line.
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

    /// Waits for the next line; returns `None` when the response has ended in an orderly way. May be dropped and called
    /// again without losing anything.
    pub(super) async fn next_line(&mut self) -> Result<Option<StreamLine>, VercelError> {
        loop {
            if let Some(line) = self.buffer.next_line()? {
                return parse(&line).map(Some);
            }
            if self.has_ended {
                // A last line without a newline is most likely incomplete.
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
