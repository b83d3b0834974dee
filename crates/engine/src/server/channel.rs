//! A message channel, asynchronously.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::wire::{self, Received};

/// One end of a seqpacket socket. The stream type lends it only its readiness: whole packets are sent and received past
/// it.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: UnixStream,
}

impl Channel {
    /// Takes a socket over.
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixStream::from(socket);
        socket.set_nonblocking(true)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the other end is another socket: what is done there does not hold this one up"
        )]
        let socket = UnixStream::from_std(socket)?;
        Ok(Self { socket })
    }

    /// Sends a message, when there is room.
    pub(crate) async fn send<M: Serialize>(&self, message: &M, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.socket.async_io(Interest::WRITABLE, || wire::send(&self.socket, message, descriptors)).await
    }

    /// Sends a message if there is room now.
    pub(crate) fn try_send<M: Serialize>(&self, message: &M) -> io::Result<()> {
        wire::send(&self.socket, message, &[])
    }

    /// The next message, `None` at the end. Loses nothing when it is dropped.
    pub(crate) async fn receive<M: DeserializeOwned>(&self) -> io::Result<Option<Received<M>>> {
        self.socket.async_io(Interest::READABLE, || wire::receive(&self.socket)).await
    }

    /// Ends it for both sides.
    pub(crate) fn close(&self) {
        // Fails only when it is closed already.
        let _ = rustix::net::shutdown(self.socket.as_fd(), rustix::net::Shutdown::Both);
    }
}
