//! Hears what the processes of all sandboxes ask, and hands each question to the broker of its sandbox.
//!
//! There is one listener for a launcher and all that it makes, so a sandbox that connects to nothing pays nothing for it. Little is done
//! here for a question, and what a sandbox asks in a loop waits in a line of its own.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::process::Pid;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::AbortHandle;
use workers_engine_sys::notify::{Heard, Listener, Notification};

use super::Shared;

/// A question, and where it is answered.
#[derive(Debug, Clone)]
pub(super) struct Question {
    listener: Arc<Listener>,
    /// What is asked.
    pub(super) notification: Notification,
}

impl Question {
    /// Where it was heard.
    pub(super) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Whether whoever asks still waits. If not, what was found out about it may be another one's.
    pub(super) fn is_open(&self) -> bool {
        self.listener.is_waiting(self.notification.id)
    }

    /// Answers it.
    pub(super) fn answer(&self, result: Result<(), Errno>) {
        // Fails when nobody waits any more.
        let _ = self.listener.answer(self.notification.id, result);
    }
}

/// Hears questions until it is dropped. Whoever asks after that is told that there is no such call.
#[derive(Debug)]
pub(crate) struct Hearing {
    task: AbortHandle,
}

impl Hearing {
    /// Begins to hear what a launcher and all that it makes ask.
    ///
    /// # Errors
    ///
    /// When the kernel lacks a piece of what is needed.
    pub(crate) fn start(listener: OwnedFd, shared: Arc<Shared>) -> io::Result<Self> {
        let watched = std::os::unix::net::UnixStream::from(listener.try_clone()?);
        watched.set_nonblocking(true)?;
        let watched = UnixStream::from_std(watched)?;
        let listener = Arc::new(Listener::new(listener)?);
        Ok(Self { task: tokio::spawn(hear(listener, watched, shared)).abort_handle() })
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hands on questions until there is nobody left to ask. The stream type lends only its readiness.
async fn hear(listener: Arc<Listener>, watched: UnixStream, shared: Arc<Shared>) {
    loop {
        let heard = watched.async_io(Interest::READABLE, || match listener.receive()? {
            Heard::Question(notification) => Ok(Some(notification)),
            Heard::Nothing => Err(io::ErrorKind::WouldBlock.into()),
            Heard::End => Ok(None),
        });
        match heard.await {
            Ok(Some(notification)) => {
                let question = Question { listener: Arc::clone(&listener), notification };
                if let Err(question) = hand_on(question, &shared) {
                    question.answer(Err(Errno::ACCESS));
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::error!(error = %error, "sandboxes have no network any more: what they ask cannot be heard");
                return;
            }
        }
    }
}

/// Gives the question to the broker of whoever asks; gives it back when there is none, or too much in its line.
fn hand_on(question: Question, shared: &Shared) -> Result<(), Question> {
    let groups = groups_of(question.notification.thread);
    // If whoever asked has died, its number may be another one's by now.
    match shared.line_of(groups.split(['/', '\n'])) {
        Some(line) if question.is_open() => line.try_send(question).map_err(TrySendError::into_inner),
        _ => Err(question),
    }
}

/// The cgroups of a thread: what no process of a sandbox can leave, nor hide.
fn groups_of(thread: Pid) -> String {
    fs::read_to_string(format!("/proc/{}/cgroup", thread.as_raw_nonzero())).unwrap_or_default()
}
