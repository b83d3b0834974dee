//! Queries the kernel about TCP sockets (`sock_diag`): whether a socket still exists, how many bytes it has
//! transferred, and which sockets have ended.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, getsockname, recv, sendto, socket_with, sockopt,
};
use workers_domain::ports::NetworkTransfer;

const SOCK_DIAG: u16 = 20; // SOCK_DIAG_BY_FAMILY
const IS_REQUEST: u16 = 1; // NLM_F_REQUEST
const TCP: u8 = 6;
const ALL_STATES: u32 = u32::MAX;
const HEADER: usize = 16;
/// The length of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
/// The length of `struct inet_diag_msg`, and the offset of the socket's cookie in it.
const MESSAGE: usize = 72;
const COOKIE: usize = 44;
/// The attribute that carries `struct tcp_info`, and the bit that requests it.
const INFO: u16 = 2; // INET_DIAG_INFO
const WANTS_INFO: u8 = 1 << (INFO - 1);
/// The offsets of the counters in `struct tcp_info`.
const BYTES_RECEIVED: usize = 128;
const BYTES_SENT: usize = 200;
const BYTES_RETRANSMITTED: usize = 208;
/// The groups of the kernel's messages about TCP sockets that have ended, for IPv4 and IPv6.
const DESTROY_GROUPS: u32 = 0b001 | 0b100; // SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY

/// The receive buffer for messages about sockets that have ended, in bytes.
const ENDS_BUFFER: usize = 4 << 20;

/// The kernel's number of a socket, which is never used again.
pub(super) type Cookie = u64;

/// The request for the kernel's report about one TCP socket. It holds no descriptor of the socket.
#[derive(Debug, Default)]
pub(super) struct SocketQuery(Vec<u8>);

impl SocketQuery {
    /// Makes the request for a socket that was bound.
    ///
    /// # Errors
    ///
    /// When the kernel does not report its address or cookie.
    pub(super) fn new(socket: BorrowedFd<'_>, family: AddressFamily, peer: SocketAddr) -> io::Result<Self> {
        let local = SocketAddr::try_from(getsockname(socket)?)?;
        let cookie = sockopt::socket_cookie(socket)?;
        let address = |address: IpAddr| {
            let mut bytes = match (family, address) {
                // The kernel keeps an IPv4 peer of an IPv6 socket in this form, and looks the socket up by it.
                (AddressFamily::INET6, IpAddr::V4(address)) => address.to_ipv6_mapped().octets().to_vec(),
                (_, IpAddr::V4(address)) => address.octets().to_vec(),
                (_, IpAddr::V6(address)) => address.octets().to_vec(),
            };
            bytes.resize(16, 0);
            bytes
        };
        let length = u32::try_from(HEADER + REQUEST).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(HEADER + REQUEST);
        message.extend(length.to_ne_bytes());
        message.extend([SOCK_DIAG, IS_REQUEST].map(u16::to_ne_bytes).concat());
        message.extend([0; 8]); // sequence, sender
        message.extend([family.as_raw().to_ne_bytes()[0], TCP, WANTS_INFO, 0]);
        message.extend(ALL_STATES.to_ne_bytes());
        message.extend([local.port(), peer.port()].map(u16::to_be_bytes).concat());
        message.extend(address(local.ip()));
        message.extend(address(peer.ip()));
        message.extend([0; 4]); // any interface
        message.extend(cookie.to_ne_bytes());
        Ok(Self(message))
    }

    /// Returns the cookie of the socket.
    pub(super) fn cookie(&self) -> Option<Cookie> {
        number(&self.0, HEADER + REQUEST - size_of::<Cookie>())
    }

    /// Returns whether the socket still exists. A socket that is being closed counts, because its buffers still exist.
    pub(super) fn exists(&self) -> bool {
        // An empty request stands for a socket that cannot be queried. Also after an error of the query the socket
        // counts, so that the limit holds.
        self.0.is_empty() || !matches!(self.send(), Ok(None))
    }

    /// Returns what the socket has transferred so far; `None` when it has ended, or the message about its end is on the
    /// way.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub(super) fn transfer(&self) -> io::Result<Option<NetworkTransfer>> {
        Ok(self.send()?.and_then(|response| SocketReport::parse(&response)).and_then(|report| report.transfer))
    }

    /// Sends the request. Returns the kernel's response; `None` when the socket no longer exists.
    fn send(&self) -> io::Result<Option<Vec<u8>>> {
        let socket = open()?;
        sendto(&socket, &self.0, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut space = [0_u8; 1024];
        // When `sendto` returns, the kernel has already put its response into the socket.
        let (length, _) = recv(&socket, &mut space[..], RecvFlags::empty())?;
        let response = space.get(..length).unwrap_or_default();
        if number::<u16>(response, 4) == Some(SOCK_DIAG) {
            return Ok(Some(response.to_vec()));
        }
        match number::<i32>(response, HEADER) {
            Some(code) if code == -Errno::NOENT.raw_os_error() => Ok(None),
            code => Err(io::Error::from_raw_os_error(code.unwrap_or_default().saturating_neg())),
        }
    }
}

fn open() -> io::Result<OwnedFd> {
    // Non-blocking, so that a missing response is an error and no endless wait.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG))?)
}

/// Opens a socket that receives the kernel's messages about TCP sockets of this network namespace that have ended.
///
/// # Errors
///
/// When the kernel does not send them.
pub(super) fn subscribe_to_ends() -> io::Result<OwnedFd> {
    let socket = open()?;
    // If this fails, the kernel's own limit applies.
    let _ = sockopt::set_socket_recv_buffer_size_force(&socket, ENDS_BUFFER);
    bind(&socket, &SocketAddrNetlink::new(0, DESTROY_GROUPS))?;
    Ok(socket)
}

/// The kernel's report about a TCP socket (`struct inet_diag_msg`): the response to a [`SocketQuery`], or sent when the
/// socket has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SocketReport {
    pub(super) cookie: Cookie,
    /// What the socket has transferred, if the report includes it.
    pub(super) transfer: Option<NetworkTransfer>,
}

impl SocketReport {
    /// Parses a message; returns `None` if it is about something else.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        if number::<u16>(message, 4)? != SOCK_DIAG {
            return None;
        }
        let cookie = number(message, HEADER + COOKIE)?;
        let mut attributes = message.get(HEADER + MESSAGE..).unwrap_or_default();
        let mut transfer = None;
        // A length below that of the header counts as 4, so that the loop ends.
        while let (Some(length), Some(kind)) = (number::<u16>(attributes, 0), number::<u16>(attributes, 2)) {
            let length = usize::from(length);
            if kind == INFO {
                transfer = attributes.get(4..length).and_then(transfer_of);
            }
            // Each attribute begins at a multiple of 4.
            attributes = attributes.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
        }
        Some(Self { cookie, transfer })
    }
}

/// Reads the counters of a `struct tcp_info`: sent bytes without retransmissions, and received bytes, where the end of
/// the peer's stream (FIN) counts as one byte.
fn transfer_of(info: &[u8]) -> Option<NetworkTransfer> {
    let sent = number::<u64>(info, BYTES_SENT)?.saturating_sub(number(info, BYTES_RETRANSMITTED)?);
    Some(NetworkTransfer { sent, received: number(info, BYTES_RECEIVED)? })
}

/// A number in the kernel's messages, in native byte order.
trait FromNativeBytes: Sized {
    fn from_native_bytes(bytes: &[u8]) -> Option<Self>;
}

macro_rules! impl_from_native_bytes {
    ($($number:ty)*) => {$(
        impl FromNativeBytes for $number {
            fn from_native_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().copied().map(Self::from_ne_bytes)
            }
        }
    )*};
}

impl_from_native_bytes!(u16 i32 u64);

fn number<T: FromNativeBytes>(message: &[u8], at: usize) -> Option<T> {
    message.get(at..).and_then(T::from_native_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_report_is_parsed_as_far_as_it_goes() {
        assert_eq!(SocketReport::parse(&[]), None);
        assert_eq!(SocketReport::parse(&[0; 200]), None);
        let mut message = vec![0; HEADER + MESSAGE + 8];
        message[4..6].copy_from_slice(&SOCK_DIAG.to_ne_bytes());
        message[HEADER + COOKIE..HEADER + COOKIE + 8].copy_from_slice(&77_u64.to_ne_bytes());
        let nothing = SocketReport { cookie: 77, transfer: None };
        assert_eq!(SocketReport::parse(&message), Some(nothing));
        // An attribute with a length that is too small, and one that is cut off.
        for length in [0_u16, 3, 300] {
            message[HEADER + MESSAGE..HEADER + MESSAGE + 2].copy_from_slice(&length.to_ne_bytes());
            message[HEADER + MESSAGE + 2..HEADER + MESSAGE + 4].copy_from_slice(&INFO.to_ne_bytes());
            assert_eq!(SocketReport::parse(&message).unwrap().transfer, None, "{length}");
        }
    }
}
