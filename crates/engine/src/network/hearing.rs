//! Hears what the processes of all sandboxes ask, and hands each question to the line of its sandbox.
//!
//! There is one listener for a launcher and all that it makes, so a sandbox that connects to nothing pays nothing for
//! it. A thread of its own hears; it finds out which sandbox asks and does nothing else for a question.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use tokio::runtime::Handle;
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

    /// Whether the thread that asks still waits. If not, what was found out about it may be another one's.
    pub(super) fn is_open(&self) -> bool {
        self.listener.is_waiting(self.notification.id)
    }

    /// Answers it.
    pub(super) fn answer(&self, result: Result<(), Errno>) {
        // Fails when the thread does not wait any more.
        let _ = self.listener.answer(self.notification.id, result);
    }
}

/// Hears questions until it is dropped. What is asked after that fails with `ENOSYS`.
#[derive(Debug)]
pub(crate) struct Hearing {
    /// Written to, it ends the thread.
    stop: Arc<OwnedFd>,
}

impl Hearing {
    /// Begins to hear what a launcher and all that it makes ask.
    ///
    /// # Errors
    ///
    /// When the kernel lacks a piece of what is needed, or no thread can be started.
    pub(crate) fn start(listener: OwnedFd, shared: Arc<Shared>) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let (listener, stopped, runtime) = (Arc::new(Listener::new(listener)?), Arc::clone(&stop), Handle::current());
        let hear = move || {
            if let Err(error) = hear(&listener, &stopped, &shared, &runtime) {
                tracing::error!(error = %error, "sandboxes have no network any more: what they ask cannot be heard");
            }
        };
        std::thread::Builder::new().name("sandbox-questions".to_owned()).spawn(hear)?;
        Ok(Self { stop })
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        // It takes a counter that is full for this to fail.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }
}

/// Hands on questions until it is stopped, or no process is left that could ask.
fn hear(listener: &Arc<Listener>, stop: &OwnedFd, shared: &Shared, runtime: &Handle) -> io::Result<()> {
    loop {
        let mut ready = [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut ready, None))?;
        let [_, stopped] = ready.map(|ready| !ready.revents().is_empty());
        if stopped {
            return Ok(());
        }
        match listener.receive()? {
            Heard::Question(notification) => {
                let question = Question { listener: Arc::clone(listener), notification };
                if let Err(question) = hand_on(question, shared, runtime) {
                    question.answer(Err(Errno::ACCESS));
                }
            }
            Heard::Nothing => {}
            Heard::End => return Ok(()),
        }
    }
}

/// Gives the question to the line of the sandbox that asks; gives it back when there is none.
fn hand_on(question: Question, shared: &Shared, runtime: &Handle) -> Result<(), Question> {
    let groups = groups_of(question.notification.thread);
    // If the thread that asked has died, its number may be another one's by now.
    match shared.line_of(groups.split(['/', '\n'])) {
        Some(line) if question.is_open() => {
            line.take(question, runtime);
            Ok(())
        }
        _ => Err(question),
    }
}

/// The cgroups of a thread: what no process of a sandbox can leave, nor hide.
fn groups_of(thread: Pid) -> String {
    fs::read_to_string(format!("/proc/{}/cgroup", thread.as_raw_nonzero())).unwrap_or_default()
}
