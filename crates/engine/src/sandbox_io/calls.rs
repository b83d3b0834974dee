//! System calls that a sandbox can make block. Only a thread of the sandbox can make them.
#![expect(clippy::disallowed_methods, reason = "each takes the proof that it is made on a thread of the sandbox")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::process::{Pid, PidfdGetfdFlags};

use super::pool::OnSandboxThread;

/// Connects a socket. The call may block, because another thread of the sandbox may have made the socket blocking.
pub(crate) fn connect(socket: BorrowedFd<'_>, address: &impl SocketAddrArg, _: &OnSandboxThread) -> Result<(), Errno> {
    rustix::net::connect(socket, address)
}

/// Removes a socket's peer.
pub(crate) fn connect_unspec(socket: BorrowedFd<'_>, _: &OnSandboxThread) -> Result<(), Errno> {
    rustix::net::connect_unspec(socket)
}

/// Makes a descriptor of our own for what another process has open under a number.
pub(crate) fn copy_descriptor(process: impl AsFd, number: i32, _: &OnSandboxThread) -> Result<OwnedFd, Errno> {
    rustix::process::pidfd_getfd(process, number, PidfdGetfdFlags::empty())
}

/// Reads another process's memory, which may block; returns how many bytes could be read.
///
/// # Errors
///
/// When there is no such thread, nothing at the address, or no permission to trace it.
pub(crate) fn read_memory(thread: Pid, address: u64, into: &mut [u8], _: &OnSandboxThread) -> io::Result<usize> {
    workers_engine_sys::notify::read_memory_of(thread, address, into)
}

/// Returns the capacity of a pipe in bytes. The kernel takes the pipe's lock for that.
pub(crate) fn pipe_size(pipe: BorrowedFd<'_>, _: &OnSandboxThread) -> Result<usize, Errno> {
    rustix::pipe::fcntl_getpipe_size(pipe)
}
