//! The sockets of a sandbox's name server.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Makes a datagram and a stream socket in the sandbox's network namespace. The server responds to DNS
/// queries on them. It also binds them, because the sandbox has no right to use so low a port.
pub(super) fn name_sockets() -> io::Result<[OwnedFd; 2]> {
    let socket = |kind| socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None);
    Ok([socket(SocketType::DGRAM)?, socket(SocketType::STREAM)?])
}
