//! Receives the calls that the seccomp filter forwards from the processes of all sandboxes ("questions"), and hands
//! each to the line of its sandbox.
//!
//! One listener serves a launcher and all that it makes, so a sandbox without connections costs nothing. A separate
//! thread receives; for each question it only finds out which sandbox it comes from.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use tokio::runtime::Handle;
use workers_engine_sys::notify::{Heard, Listener};

use super::Shared;
use super::question::Question;

/// Receives questions until it is dropped. Calls after that fail with `ENOSYS`.
#[derive(Debug)]
pub(crate) struct Hearing {
    /// A write to it ends the thread.
    stop: Arc<OwnedFd>,
}

impl Hearing {
    /// Begins to receive the questions of a launcher and all that it makes.
    ///
    /// # Errors
    ///
    /// When the kernel lacks a required feature, or no thread can be started.
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
        // Fails only if the counter is full.
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
                let question = Question::new(Arc::clone(listener), notification);
                if let Err(question) = hand_on(question, shared, runtime) {
                    question.answer(Err(Errno::ACCESS));
                }
            }
            Heard::Nothing => {}
            Heard::End => return Ok(()),
        }
    }
}

/// Hands the question to the line of its sandbox; returns it if there is no such line.
fn hand_on(question: Question, shared: &Shared, runtime: &Handle) -> Result<(), Question> {
    let groups = groups_of(question.notification.thread);
    // If the calling thread has ended, its number may belong to another thread by now, so we check that the question is
    // still open.
    match shared.line_of(groups.split(['/', '\n'])) {
        Some(line) if question.is_open() => {
            line.take(question, runtime);
            Ok(())
        }
        _ => Err(question),
    }
}

/// Reads the cgroups of a thread. No process of a sandbox can leave or hide them.
fn groups_of(thread: Pid) -> String {
    fs::read_to_string(format!("/proc/{}/cgroup", thread.as_raw_nonzero())).unwrap_or_default()
}
