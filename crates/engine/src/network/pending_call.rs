//! A system call of a sandbox that waits for the server's response.

use std::sync::Arc;

use rustix::io::Errno;
use workers_engine_sys::notify::{Notification, NotifyFd};

/// A system call that the kernel has reported to the server. The calling thread waits for the response.
#[derive(Debug, Clone)]
pub(super) struct PendingCall {
    notify: Arc<NotifyFd>,
    /// The call as the kernel reports it.
    pub(super) notification: Notification,
}

impl PendingCall {
    pub(super) const fn new(notify: Arc<NotifyFd>, notification: Notification) -> Self {
        Self { notify, notification }
    }

    /// Returns the descriptor that it was received from.
    pub(super) fn notify_fd(&self) -> &NotifyFd {
        &self.notify
    }

    /// Returns whether the calling thread still waits. If not, its number may belong to another thread by now, and what
    /// we read about it is not valid.
    pub(super) fn is_pending(&self) -> bool {
        self.notify.is_pending(self.notification.id)
    }

    /// Sends the response: the call returns this result to the calling thread.
    pub(super) fn respond(&self, result: Result<(), Errno>) {
        // Fails when the thread no longer waits.
        let _ = self.notify.respond(self.notification.id, result);
    }
}
