//! Sockets for whoever tells a sandbox names.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Sockets of the sandbox's network, for datagrams and for connections. The server answers through them; it also binds
/// them, for the sandbox has no right to so low a port.
pub(super) fn name_sockets() -> io::Result<[OwnedFd; 2]> {
    let socket = |kind| socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None);
    Ok([socket(SocketType::DGRAM)?, socket(SocketType::STREAM)?])
}
