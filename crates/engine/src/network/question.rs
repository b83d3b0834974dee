//! A call that the seccomp filter forwards from a process of a sandbox.

use std::sync::Arc;

use rustix::io::Errno;
use workers_engine_sys::notify::{Listener, Notification};

/// A question, and the listener on which it is answered.
#[derive(Debug, Clone)]
pub(super) struct Question {
    listener: Arc<Listener>,
    /// The call as the kernel reports it.
    pub(super) notification: Notification,
}

impl Question {
    pub(super) const fn new(listener: Arc<Listener>, notification: Notification) -> Self {
        Self { listener, notification }
    }

    /// Returns the listener that has received it.
    pub(super) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Returns whether the calling thread still waits. If not, its number may belong to another thread by now, and what
    /// we read about it is not valid.
    pub(super) fn is_open(&self) -> bool {
        self.listener.is_waiting(self.notification.id)
    }

    /// Answers it.
    pub(super) fn answer(&self, result: Result<(), Errno>) {
        // Fails when the thread no longer waits.
        let _ = self.listener.answer(self.notification.id, result);
    }
}
