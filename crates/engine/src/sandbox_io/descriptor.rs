//! A descriptor of an object that a sandbox shares.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use workers_engine_sys::{ClosedBy, Closer, watch};

use super::pool::{OnSandboxThread, SandboxIo};

/// A descriptor of an object that a sandbox shares. It is used, and closed, on the sandbox's threads only. Clones are
/// the same descriptor.
#[derive(Debug, Clone)]
pub(crate) struct SandboxFd(Arc<ClosedBy<SandboxIo>>);

impl SandboxFd {
    /// Takes over a descriptor.
    pub(crate) fn new(io: &SandboxIo, descriptor: OwnedFd) -> Self {
        Self(Arc::new(ClosedBy::new(descriptor, io.clone())))
    }

    /// Returns the descriptor, for a system call on this thread.
    pub(crate) fn get(&self, _: &OnSandboxThread) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Returns the threads that it is used on.
    pub(crate) fn io(&self) -> &SandboxIo {
        self.0.closer()
    }
}

impl Closer for SandboxIo {
    fn close(&self, descriptor: OwnedFd) {
        Self::close(self, descriptor);
    }
}

/// A shared descriptor whose readiness the runtime waits for. The runtime makes no other call on it.
#[derive(Debug)]
pub(crate) struct Watched {
    readiness: AsyncFd<Arc<ClosedBy<SandboxIo>>>,
    descriptor: SandboxFd,
}

impl Watched {
    /// Begins to watch. Must be called within the runtime.
    ///
    /// # Errors
    ///
    /// When the descriptor does not support readiness, or the kernel is out of memory.
    pub(crate) fn new(descriptor: SandboxFd, interest: Interest) -> io::Result<Self> {
        // Not an `AsyncFd` that owns the descriptor: the runtime would close it on its own thread.
        Ok(Self { readiness: watch(Arc::clone(&descriptor.0), interest)?, descriptor })
    }

    /// Returns the descriptor.
    pub(crate) const fn descriptor(&self) -> &SandboxFd {
        &self.descriptor
    }

    /// Waits until it is readable.
    pub(crate) async fn readable(&self) -> io::Result<Ready<'_>> {
        self.readiness.readable().await.map(Ready)
    }

    /// Waits until it is writable.
    pub(crate) async fn writable(&self) -> io::Result<Ready<'_>> {
        self.readiness.writable().await.map(Ready)
    }
}

/// A descriptor that was ready.
pub(crate) struct Ready<'a>(AsyncFdReadyGuard<'a, Arc<ClosedBy<SandboxIo>>>);

impl Ready<'_> {
    /// Clears the readiness. Call it only after a call that began after this value was made and would have blocked.
    pub(crate) fn clear(mut self) {
        self.0.clear_ready();
    }
}
