//! The output of a command, read as it arrives.
//!
//! The pipe is shared with the sandbox, whose processes can hold its lock while they wait for something else (a write
//! from memory that arrives slowly, a `splice` from a socket without data). So every call on it is made on the
//! sandbox's own threads.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::Mode;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::sync::{Semaphore, oneshot};
use tracing::Instrument as _;
use workers_domain::LogStream;
use workers_domain::ports::{CommandEvent, SandboxError};

use crate::fault::refused;
use crate::sandbox_io::{OnSandboxThread, SandboxFd, SandboxIo, Watched, pipe_size};

/// How many bytes are read at once.
const CHUNK: usize = 32 * 1024;

/// The capacity of a pipe in bytes, unless the command has changed it.
const PIPE_CAPACITY: usize = 64 * 1024;

/// Other users may open the pipe for writing, because the sandbox's user is not ours, and programs open `/dev/stdout`
/// and `/dev/stderr`. Only we may open it for reading. The pipe has a name only in the `/proc` of processes that have
/// it open.
const PIPE_MODE: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::WGRP).union(Mode::WOTH);

/// One of the two outputs of a command.
#[derive(Debug)]
pub(crate) struct Output {
    stream: LogStream,
    /// `None` when it has ended.
    pipe: Option<Watched>,
    reading: Option<Reading>,
    /// Whether all that the command left in the pipe was read. Processes that it has started may go on writing.
    is_drained: bool,
}

/// A read that was begun. It is kept, so that its bytes are not lost when the future that waits for it is dropped.
#[derive(Debug)]
struct Reading {
    piece: oneshot::Receiver<Result<Piece, Errno>>,
    /// Whether it reads all that is left.
    is_last: bool,
}

/// Makes an output and the command's end of it.
pub(crate) fn output(io: &SandboxIo, stream: LogStream) -> io::Result<(Output, OwnedFd)> {
    let (ours, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::fs::fchmod(&theirs, PIPE_MODE)?;
    // Only our end is non-blocking: the command's own end has to block when the pipe is full.
    rustix::io::ioctl_fionbio(&ours, true)?;
    let pipe = Watched::new(SandboxFd::new(io, ours), Interest::READABLE)?;
    Ok((Output { stream, pipe: Some(pipe), reading: None, is_drained: false }, theirs))
}

impl Output {
    /// Returns the next bytes; never returns once the output has ended. Cancel-safe: no bytes are lost when the future
    /// is dropped.
    pub(crate) async fn next(&mut self) -> Result<CommandEvent, SandboxError> {
        match self.read().await? {
            Some(bytes) => Ok(CommandEvent::Output { stream: self.stream, bytes }),
            None => std::future::pending().await,
        }
    }

    /// Returns bytes that the command has left in the pipe when it has ended, and `None` when there are no more.
    /// Cancel-safe: no bytes are lost when the future is dropped.
    pub(crate) async fn take_rest(&mut self) -> Result<Option<CommandEvent>, SandboxError> {
        while let Self { pipe: Some(pipe), reading, stream, is_drained: false } = self {
            // We read without waiting for the runtime's readiness event: the message about the command's end takes
            // another way and may arrive before that event.
            if reading.is_none() {
                let descriptor = pipe.descriptor().clone();
                let piece = pipe.descriptor().io().begin(move |thread| Ok(read_all(&descriptor, thread)));
                *reading = Some(Reading { piece: piece.map_err(|error| failed(&error))?, is_last: true });
            }
            let is_last = reading.as_ref().is_some_and(|reading| reading.is_last);
            let (stream, piece) = (*stream, finish(reading).await?);
            self.is_drained |= is_last;
            if piece.is_end {
                self.pipe = None;
            }
            if !piece.bytes.is_empty() {
                return Ok(Some(CommandEvent::Output { stream, bytes: piece.bytes }));
            }
        }
        Ok(None)
    }

    /// Returns which of the two outputs it is.
    pub(crate) const fn stream(&self) -> LogStream {
        self.stream
    }

    /// Returns the bytes that were read already, and the pipe unless it has ended.
    pub(crate) async fn take_pipe(&mut self) -> Result<(Vec<u8>, Option<SandboxFd>), SandboxError> {
        let Self { pipe, reading, .. } = self;
        let piece = finish(reading).await?;
        let pipe = pipe.take().filter(|_| !piece.is_end);
        Ok((piece.bytes, pipe.map(|pipe| pipe.descriptor().clone())))
    }

    /// Reads on in the background until all writers are gone, so that processes that a command has left behind are not
    /// killed by SIGPIPE when they print. Only a limited number of outputs per sandbox is kept open.
    pub(crate) fn drain(&mut self, limit: &Arc<Semaphore>) {
        let (pipe, reading) = (self.pipe.take(), self.reading.take());
        let mut rest = Self { stream: self.stream, pipe, reading, is_drained: false };
        if rest.pipe.is_none() {
            return;
        }
        // Above the limit the pipe is closed here, and SIGPIPE ends a process that prints to it.
        let Ok(permit) = Arc::clone(limit).try_acquire_owned() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let draining = async move {
                let _permit = permit;
                while let Ok(Some(_)) = rest.read().await {}
            };
            runtime.spawn(draining.in_current_span());
        }
    }

    /// Returns the next bytes, or `None` at the end.
    async fn read(&mut self) -> Result<Option<Vec<u8>>, SandboxError> {
        while let Self { pipe: Some(pipe), reading, .. } = self {
            let ready = pipe.readable().await.map_err(|error| failed(&error))?;
            let is_new = reading.is_none();
            if is_new {
                let descriptor = pipe.descriptor().clone();
                let piece = pipe.descriptor().io().begin(move |thread| read_once(&descriptor, thread));
                *reading = Some(Reading { piece: piece.map_err(|error| failed(&error))?, is_last: false });
            }
            let piece = finish(reading).await?;
            if piece.is_end {
                self.pipe = None;
            } else if piece.bytes.is_empty() && is_new {
                // Only for a read that began after the readiness event: a newer event must not be cleared.
                ready.clear();
            }
            if !piece.bytes.is_empty() {
                return Ok(Some(piece.bytes));
            }
        }
        Ok(None)
    }
}

/// The result of a read.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    /// Whether all writers are gone, so that no more bytes follow.
    is_end: bool,
}

/// Waits for the read that was begun, if there is one.
async fn finish(reading: &mut Option<Reading>) -> Result<Piece, SandboxError> {
    let Some(Reading { piece, .. }) = reading else { return Ok(Piece::default()) };
    let read = piece.await;
    *reading = None;
    match read.map_err(|_| failed(&io::Error::other("it broke off")))? {
        Ok(piece) => Ok(piece),
        // The watchdog interrupts a read that a process of the sandbox holds up; `read` tries again.
        Err(Errno::AGAIN | Errno::INTR) => Ok(Piece::default()),
        Err(error) => Err(failed(&error.into())),
    }
}

fn read_once(pipe: &SandboxFd, thread: &OnSandboxThread) -> Result<Piece, Errno> {
    let mut bytes = vec![0; CHUNK];
    let length = rustix::io::read(pipe.get(thread), &mut bytes)?;
    bytes.truncate(length);
    Ok(Piece { is_end: bytes.is_empty(), bytes })
}

/// Reads what is in a pipe now. Other processes may go on writing to it, so we read at most the pipe's capacity, which
/// is the most that was in it at the command's end.
pub(crate) fn read_all(pipe: &SandboxFd, thread: &OnSandboxThread) -> Piece {
    let most = pipe_size(pipe.get(thread), thread).unwrap_or(PIPE_CAPACITY);
    let mut all = Piece::default();
    while all.bytes.len() < most && !all.is_end {
        // Usually the error is `EAGAIN`: the pipe is empty.
        let Ok(Piece { bytes, is_end }) = read_once(pipe, thread) else { break };
        all.bytes.extend(bytes);
        all.is_end = is_end;
    }
    all
}

fn failed(error: &io::Error) -> SandboxError {
    refused("reading a command's output", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_printed_is_found_at_the_end_even_if_the_runtime_has_not_noticed_it() {
        let (mut output, end) = output(&SandboxIo::new("test"), LogStream::Stdout).unwrap();
        rustix::io::write(&end, b"last line").unwrap();
        drop(end);
        let expected = CommandEvent::Output { stream: LogStream::Stdout, bytes: b"last line".to_vec() };
        assert_eq!(output.take_rest().await.unwrap(), Some(expected));
        assert_eq!(output.take_rest().await.unwrap(), None);
    }

    #[tokio::test]
    async fn bytes_of_a_read_that_was_dropped_are_returned_by_the_next_read() {
        let (mut output, end) = output(&SandboxIo::new("test"), LogStream::Stdout).unwrap();
        rustix::io::write(&end, b"first").unwrap();
        let mut all = Vec::new();
        while all.is_empty() && output.reading.is_none() {
            // One poll begins the read; then the future is dropped.
            if let Ok(read) = tokio::time::timeout(std::time::Duration::ZERO, output.next()).await
                && let CommandEvent::Output { bytes, .. } = read.unwrap()
            {
                all.extend(bytes);
            }
            tokio::task::yield_now().await;
        }
        rustix::io::write(&end, b", second").unwrap();
        drop(end);
        while let Some(CommandEvent::Output { bytes, .. }) = output.take_rest().await.unwrap() {
            all.extend(bytes);
        }
        assert_eq!(all, b"first, second");
    }
}
