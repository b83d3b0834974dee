//! What a command prints, as it arrives.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::net::unix::pipe;
use tokio::sync::Semaphore;
use workers_domain::LogStream;
use workers_domain::ports::{CommandEvent, SandboxError};

/// What is read at once.
const CHUNK: usize = 32 * 1024;

/// What a pipe holds unless the command has changed it.
const PIPE_CAPACITY: usize = 64 * 1024;

/// One of the two outputs of a command.
#[derive(Debug)]
pub(crate) struct Output {
    stream: LogStream,
    pipe: Option<pipe::Receiver>,
    after_exit: usize,
}

/// An output, and the command's end of it.
pub(crate) fn output(stream: LogStream) -> io::Result<(Output, OwnedFd)> {
    let (ours, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // Ours only: the command's own end waits when the pipe is full.
    rustix::io::ioctl_fionbio(&ours, true)?;
    let pipe = pipe::Receiver::from_owned_fd(ours)?;
    Ok((Output { stream, pipe: Some(pipe), after_exit: 0 }, theirs))
}

impl Output {
    /// The next bytes; never returns once the output has ended.
    pub(crate) async fn next(&mut self) -> Result<CommandEvent, SandboxError> {
        loop {
            let Some(pipe) = &self.pipe else { return std::future::pending().await };
            pipe.readable().await.map_err(|error| SandboxError::failed("reading a command's output", error))?;
            let mut bytes = vec![0; CHUNK];
            let read = pipe.try_read(&mut bytes);
            if let Some(event) = self.taken(bytes, read)? {
                return Ok(event);
            }
        }
    }

    /// Reads on until nobody is left who prints, for what a command has left behind should not die of printing. Only so many outputs of one
    /// sandbox are kept open.
    pub(crate) fn drain(&mut self, kept: &Arc<Semaphore>) {
        let Some(pipe) = self.pipe.take() else { return };
        let Ok(place) = Arc::clone(kept).try_acquire_owned() else { return };
        let drain = async move {
            let _place = place;
            let mut bytes = vec![0; CHUNK];
            while pipe.readable().await.is_ok() {
                match pipe.try_read(&mut bytes) {
                    Ok(0) => return,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                    _ => {}
                }
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(drain);
        }
    }

    /// What a read has brought.
    fn taken(&mut self, mut bytes: Vec<u8>, read: io::Result<usize>) -> Result<Option<CommandEvent>, SandboxError> {
        match read {
            Ok(0) => {
                self.pipe = None;
                Ok(None)
            }
            Ok(length) => {
                bytes.truncate(length);
                Ok(Some(CommandEvent::Output { stream: self.stream, bytes }))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(SandboxError::failed("reading a command's output", error)),
        }
    }

    /// What the command has left in the pipe. Others may go on writing to it; a pipe's capacity is the most that came before the
    /// command's end.
    pub(crate) fn take_rest(&mut self) -> Result<Option<CommandEvent>, SandboxError> {
        let size = self.pipe.as_ref().and_then(|pipe| rustix::pipe::fcntl_getpipe_size(pipe).ok());
        if self.after_exit >= size.unwrap_or(PIPE_CAPACITY) {
            self.pipe = None;
        }
        let Some(pipe) = &self.pipe else { return Ok(None) };
        let mut bytes = vec![0; CHUNK];
        // The kernel is asked, not tokio: tokio says "would block" without a look as long as it has not been told of what arrived, and the
        // news of the end, which travel elsewhere, may well be here first.
        let read = rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut bytes)).map_err(io::Error::from);
        let event = self.taken(bytes, read)?;
        if let Some(CommandEvent::Output { bytes, .. }) = &event {
            self.after_exit += bytes.len();
        }
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_printed_is_found_at_the_end_even_if_the_runtime_has_not_heard_of_it() {
        let (mut output, end) = output(LogStream::Stdout).unwrap();
        // Nothing is awaited from here on, so the runtime learns of nothing.
        rustix::io::write(&end, b"last words").unwrap();
        drop(end);
        let expected = CommandEvent::Output { stream: LogStream::Stdout, bytes: b"last words".to_vec() };
        assert_eq!(output.take_rest().unwrap(), Some(expected));
        assert_eq!(output.take_rest().unwrap(), None);
    }
}
