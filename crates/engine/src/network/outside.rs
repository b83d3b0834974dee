//! Connections to the outside: sockets of the host's network that are made here and installed in place of a sandbox's
//! own socket.
//!
//! Once the sandbox has such a socket, these rules keep it from being used for anything else:
//!
//! * only the server can call `connect`: the filter does not let a sandbox's processes make that call, and it refuses
//!   sending with `MSG_FASTOPEN`;
//! * a filter on the socket, which cannot be removed, drops all packets that do not come from its peer's address and
//!   port. So the socket can neither receive from another peer nor accept a connection, even if it is made to listen
//!   (`shutdown` resets one that is not connected yet);
//! * its local port is bound for good, so that it cannot be bound to a port that the host uses;
//! * the seccomp filter refuses the ioctls that reveal a socket's network.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getpeername, getsockname, ipproto, socket_with};
use workers_engine_sys::accept_only_from;

use crate::sandbox_io::{OnSandboxThread, connect};

/// The buffer of a connection in each direction, in bytes.
const BUFFER: usize = 256 << 10;

/// How many local ports we try when a port is already in use towards this peer.
const ATTEMPTS: u32 = 4;

/// Begins to connect a new, non-blocking socket. Returns the socket, and whether it is connected already (`INPROGRESS`
/// otherwise).
///
/// # Errors
///
/// When there is no route to the address, or the connection is refused at once.
pub(super) fn begin(
    original: BorrowedFd<'_>,
    family: AddressFamily,
    address: SocketAddr,
    on: &OnSandboxThread,
) -> Result<(OwnedFd, Result<(), Errno>), Errno> {
    for attempt in 1.. {
        let socket = make(family)?;
        bind_for_good(&socket, family)?;
        // Before it is connected, so that it never receives a packet of another sender.
        accept_only_from(&socket, address).map_err(|error| errno_of(&error))?;
        limit_buffers(&socket)?;
        copy_options(original, &socket);
        match connect(socket.as_fd(), &address, on) {
            // With `SO_REUSEADDR`, another connection to this peer may have the same port.
            Err(Errno::ADDRNOTAVAIL) if attempt < ATTEMPTS => {}
            Err(Errno::INPROGRESS) => return Ok((socket, Err(Errno::INPROGRESS))),
            Err(error) => return Err(error),
            Ok(()) => return Ok((socket, Ok(()))),
        }
    }
    Err(Errno::ADDRNOTAVAIL)
}

fn make(family: AddressFamily) -> Result<OwnedFd, Errno> {
    // Non-blocking, so that no thread of the sandbox waits in `connect` for a round trip, or for two minutes.
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, Some(ipproto::TCP))
}

/// Binds a socket to a port that the kernel chooses, but by its number, so that the kernel never releases it. If the
/// kernel chose the port while binding, it would release the port when the connection fails, and the socket could be
/// bound to another one.
fn bind_for_good(socket: &OwnedFd, family: AddressFamily) -> Result<(), Errno> {
    let any: SocketAddr = match family {
        AddressFamily::INET6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
        _ => (Ipv4Addr::UNSPECIFIED, 0).into(),
    };
    let finder = make(family)?;
    // The kernel lets both have the port only if both have this option.
    sockopt::set_socket_reuseaddr(&finder, true)?;
    bind(&finder, &any)?;
    sockopt::set_socket_reuseaddr(socket, true)?;
    bind(socket, &getsockname(&finder)?)
}

/// Limits how much a connection may hold of the memory that the kernel has for all of TCP. The kernel doubles both
/// values for its own overhead.
fn limit_buffers(socket: &OwnedFd) -> Result<(), Errno> {
    // `PAGES` in `connections.rs` is twice this size for both directions.
    sockopt::set_socket_send_buffer_size(socket, BUFFER)?;
    sockopt::set_socket_recv_buffer_size(socket, BUFFER)
}

/// Copies the options that programs set before they connect.
fn copy_options(original: BorrowedFd<'_>, socket: &OwnedFd) {
    let copy = || -> Result<(), Errno> {
        sockopt::set_tcp_nodelay(socket, sockopt::tcp_nodelay(original)?)?;
        if sockopt::socket_keepalive(original)? {
            sockopt::set_socket_keepalive(socket, true)?;
            sockopt::set_tcp_keepidle(socket, sockopt::tcp_keepidle(original)?)?;
            sockopt::set_tcp_keepintvl(socket, sockopt::tcp_keepintvl(original)?)?;
            sockopt::set_tcp_keepcnt(socket, sockopt::tcp_keepcnt(original)?)?;
        }
        sockopt::set_tcp_user_timeout(socket, sockopt::tcp_user_timeout(original)?)?;
        // Only a time of 0: closing a socket that lingers longer would block.
        if sockopt::socket_linger(original)? == Some(Duration::ZERO) {
            sockopt::set_socket_linger(socket, Some(Duration::ZERO))?;
        }
        for timeout in [Timeout::Recv, Timeout::Send] {
            sockopt::set_socket_timeout(socket, timeout, sockopt::socket_timeout(original, timeout)?)?;
        }
        Ok(())
    };
    // If this fails, the connection works without the options.
    let _ = copy();
}

/// Checks whether a socket that was installed in a sandbox may be connected again, and thereby be replaced: its
/// connection must have ended.
///
/// # Errors
///
/// The error that `connect` returns otherwise: the socket is still being connected, is connected, or connecting it has
/// failed and the sandbox has not received that error yet.
pub(super) fn check_reconnect(socket: BorrowedFd<'_>) -> Result<(), Errno> {
    // The kernel reports an error once and clears it, so the next `connect` may replace the socket.
    if let Ok(Err(error)) = sockopt::socket_error(socket) {
        return Err(error);
    }
    if getpeername(socket).is_ok() {
        return Err(Errno::ISCONN);
    }
    // Without a peer it is either closed, for which the kernel reports `HUP`, or still being connected.
    let mut ready = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
    let polled = poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    let [ready] = ready.map(|ready| ready.revents());
    if polled.is_ok() && ready.contains(PollFlags::HUP) { Ok(()) } else { Err(Errno::ALREADY) }
}

/// Returns the error number of an error of the kernel.
pub(super) fn errno_of(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "no sandbox shares the sockets of these tests")]
mod tests {
    use std::net::TcpListener;

    use rustix::net::{connect, listen};

    use super::*;

    fn own(family: AddressFamily) -> OwnedFd {
        make(family).unwrap()
    }

    #[test]
    fn a_socket_whose_connection_failed_keeps_its_port_and_cannot_get_another() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (socket, begun) =
            match begin(own(AddressFamily::INET).as_fd(), AddressFamily::INET, closed, &OnSandboxThread::for_tests()) {
                Ok(begun) => begun,
                Err(error) => return assert_eq!(error, Errno::CONNREFUSED),
            };
        assert_eq!(begun, Err(Errno::INPROGRESS));
        let mut ready = [PollFd::new(&socket, PollFlags::OUT)];
        poll(&mut ready, None).unwrap();
        assert_eq!(check_reconnect(socket.as_fd()), Err(Errno::CONNREFUSED));
        assert_eq!(check_reconnect(socket.as_fd()), Ok(()));
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        assert_eq!(bind(&socket, &any), Err(Errno::INVAL));
    }

    #[test]
    fn a_socket_that_is_reset_before_it_is_connected_may_listen_and_accepts_no_connection() {
        // The server never accepts: its queue is full.
        let server = own(AddressFamily::INET);
        bind(&server, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        listen(&server, 0).unwrap();
        let address = SocketAddr::try_from(getsockname(&server).unwrap()).unwrap();
        let begun = || {
            begin(own(AddressFamily::INET).as_fd(), AddressFamily::INET, address, &OnSandboxThread::for_tests())
                .unwrap()
        };
        let mut sockets: Vec<_> = (0..4).map(|_| begun()).collect();
        let (waiting, state) = sockets.pop().unwrap();
        assert_eq!((state, check_reconnect(waiting.as_fd())), (Err(Errno::INPROGRESS), Err(Errno::ALREADY)));
        rustix::net::shutdown(&waiting, rustix::net::Shutdown::Both).unwrap();
        assert_eq!(check_reconnect(waiting.as_fd()), Err(Errno::CONNRESET));
        assert_eq!(check_reconnect(waiting.as_fd()), Ok(()));
        assert_eq!(bind(&waiting, &SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))), Err(Errno::INVAL));
        listen(&waiting, 1).unwrap();
        let port = SocketAddr::try_from(getsockname(&waiting).unwrap()).unwrap().port();
        let client = own(AddressFamily::INET);
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!(connect(&client, &local), Err(Errno::INPROGRESS));
        assert_eq!(connect(&client, &local), Err(Errno::ALREADY), "it does not even receive the request");
    }

    #[test]
    fn options_that_are_set_before_connecting_are_kept() {
        let server = TcpListener::bind("[::1]:0").unwrap();
        let original = own(AddressFamily::INET6);
        sockopt::set_tcp_nodelay(&original, true).unwrap();
        sockopt::set_socket_keepalive(&original, true).unwrap();
        sockopt::set_tcp_keepidle(&original, std::time::Duration::from_secs(77)).unwrap();
        let (socket, _) =
            begin(original.as_fd(), AddressFamily::INET6, server.local_addr().unwrap(), &OnSandboxThread::for_tests())
                .unwrap();
        assert!(sockopt::tcp_nodelay(&socket).unwrap() && sockopt::socket_keepalive(&socket).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&socket).unwrap(), std::time::Duration::from_secs(77));
    }
}
