//! An asynchronous message channel.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::wire::{self, Received};

/// One end of a seqpacket socket. The stream type is used only for its readiness events; whole packets are sent and
/// received with calls of our own.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: UnixStream,
}

impl Channel {
    /// Takes over a socket.
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

    /// Sends a message; waits while the socket is full.
    pub(crate) async fn send<M: Serialize>(&self, message: &M, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.socket.async_io(Interest::WRITABLE, || wire::send(&self.socket, message, descriptors)).await
    }

    /// Sends bytes; waits while the socket is full.
    pub(crate) async fn send_bytes(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.socket.async_io(Interest::WRITABLE, || wire::send_bytes(&self.socket, bytes, descriptors)).await
    }

    /// Sends a message if the socket has room now; otherwise returns an error.
    pub(crate) fn try_send<M: Serialize>(&self, message: &M) -> io::Result<()> {
        wire::send(&self.socket, message, &[])
    }

    /// Returns the next message, or `None` when the other end is closed. Cancel-safe: no message is lost when the
    /// future is dropped.
    pub(crate) async fn receive<M: DeserializeOwned>(&self) -> io::Result<Option<Received<M>>> {
        self.socket.async_io(Interest::READABLE, || wire::receive(&self.socket)).await
    }

    /// Lets the other end send nothing from now on: neither messages nor descriptors of its own.
    pub(crate) fn stop_reading(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.socket.as_fd(), rustix::net::Shutdown::Read)?)
    }

    /// Shuts the channel down for both sides.
    pub(crate) fn close(&self) {
        // Fails only when it is closed already.
        let _ = rustix::net::shutdown(self.socket.as_fd(), rustix::net::Shutdown::Both);
    }
}
