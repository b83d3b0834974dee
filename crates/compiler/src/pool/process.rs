//! One compiler process, on the server's side.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;

use tokio::net::unix::pipe;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::exit_cause::ExitCause;
use super::proc_stat::{ProcStat, Reading};
use super::spawner::{Exit, Spawner};
use crate::wire::{self, Hello, Response};

/// A compiler process. Dropping it kills it.
pub(super) struct CompilerProcess {
    /// `None` once it was handed over to be reaped.
    child: Option<Child>,
    id: u32,
    sources: pipe::Sender,
    responses: pipe::Receiver,
    proc_stat: ProcStat,
    spawner: Spawner,
}

impl CompilerProcess {
    /// Takes over a child process. `runtime` handles the I/O of its pipes.
    pub(super) fn new(mut child: Child, spawner: Spawner, runtime: &Handle) -> io::Result<Self> {
        // The pipes belong to the runtime that is entered here. The one of the caller may end earlier
        // (`Pool::runtime`).
        let _served_by = runtime.enter();
        match open(&mut child) {
            Ok((sources, responses, proc_stat)) => {
                Ok(Self { id: child.id(), child: Some(child), sources, responses, proc_stat, spawner })
            }
            Err(error) => {
                spawner.kill_and_reap(child, Exit::Requested);
                Err(error)
            }
        }
    }

    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    /// Returns the file in which the kernel describes the process.
    pub(super) const fn proc_stat(&self) -> &ProcStat {
        &self.proc_stat
    }

    /// Returns why the process cannot take a source, if that is visible from outside: it has exited, or a signal has
    /// stopped it.
    pub(super) fn defect(&mut self) -> Option<&'static str> {
        // `try_wait` reaps a process that has exited. `Child` remembers that, so a later `kill` cannot reach another
        // process that has got the same id.
        if !self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None))) {
            return Some("it has ended");
        }
        self.proc_stat.read().is_some_and(Reading::is_stopped).then_some("a signal has stopped it")
    }

    /// Waits until the process is ready for sources.
    pub(super) async fn hello(&mut self) -> io::Result<()> {
        match wire::receive_frame::<Hello>(&mut self.responses).await?.0.problem {
            None => Ok(()),
            Some(problem) => Err(io::Error::other(problem)),
        }
    }

    /// Sends a source and waits for the response. If this future is dropped before it completes, the process must not
    /// be used any more.
    pub(super) async fn compile(&mut self, source: &str) -> io::Result<(Response, Vec<u8>)> {
        wire::send_source(&mut self.sources, source).await?;
        wire::receive_frame(&mut self.responses).await
    }

    /// Ends the process because of a defect that was found before it got a source.
    pub(super) fn discard(self, defect: &str) {
        // The process ends when `self` is dropped.
        tracing::warn!(process.id = self.id, cause = defect, "an idle compiler process is of no use and is replaced");
    }

    /// Hands a process that exited or sent an invalid message over to be reaped. The cause is logged and sent to the
    /// returned receiver as soon as it is determined.
    pub(super) fn reap_crashed(mut self, error: io::Error) -> oneshot::Receiver<ExitCause> {
        let (sender, cause) = oneshot::channel();
        if let Some(child) = self.child.take() {
            self.spawner.kill_and_reap(child, Exit::Unexpected(error, sender, tracing::Span::current()));
        }
        cause
    }
}

fn open(child: &mut Child) -> io::Result<(pipe::Sender, pipe::Receiver, ProcStat)> {
    let lost = || io::Error::other("it has no pipes");
    let sources = OwnedFd::from(child.stdin.take().ok_or_else(lost)?);
    let responses = OwnedFd::from(child.stdout.take().ok_or_else(lost)?);
    Ok((pipe::Sender::from_owned_fd(sources)?, pipe::Receiver::from_owned_fd(responses)?, ProcStat::open(child.id())?))
}

impl Drop for CompilerProcess {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            self.spawner.kill_and_reap(child, Exit::Requested);
        }
    }
}
