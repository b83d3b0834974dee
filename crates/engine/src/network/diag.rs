//! What the kernel tells of TCP sockets (`sock_diag`): whether one is still there, what it carries, and which ones have
//! ended.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, getsockname, recv, sendto, socket_with, sockopt,
};

const SOCK_DIAG: u16 = 20; // SOCK_DIAG_BY_FAMILY
const IS_REQUEST: u16 = 1; // NLM_F_REQUEST
const TCP: u8 = 6;
const ALL_STATES: u32 = u32::MAX;
const HEADER: usize = 16;
/// `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
/// `struct inet_diag_msg`, and where it has the socket's cookie.
const MESSAGE: usize = 72;
const COOKIE: usize = 44;
/// Asks for `struct tcp_info`, and comes with it.
const INFO: u16 = 2; // INET_DIAG_INFO
const WANTS_INFO: u8 = 1 << (INFO - 1);
/// Where that has the figures.
const BYTES_RECEIVED: usize = 128;
const BYTES_SENT: usize = 200;
const BYTES_SENT_AGAIN: usize = 208;
/// The groups of the kernel's messages about TCP sockets, of both families, that have ended.
const ENDED: u32 = 0b001 | 0b100; // SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY

/// What the messages about sockets that have ended may take up until they are read, in bytes.
const WAITING: usize = 4 << 20;

/// A socket's number, which no other one ever has.
pub(super) type Cookie = u64;

/// What a connection has carried, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Sent, without what was sent again.
    pub(crate) sent: u64,
    /// Received. The end of what the peer sends counts as one.
    pub(crate) received: u64,
}

impl Carried {
    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self { sent: self.sent.saturating_add(other.sent), received: self.received.saturating_add(other.received) }
    }
}

/// What the kernel knows a TCP socket by; as it is asked for it.
#[derive(Debug, Default)]
pub(super) struct Socket(Vec<u8>);

impl Socket {
    /// A socket that was bound.
    ///
    /// # Errors
    ///
    /// When the kernel does not tell of it.
    pub(super) fn describe(socket: BorrowedFd<'_>, family: AddressFamily, peer: SocketAddr) -> io::Result<Self> {
        let local = SocketAddr::try_from(getsockname(socket)?)?;
        let cookie = sockopt::socket_cookie(socket)?;
        let address = |address: IpAddr| {
            let mut bytes = match (family, address) {
                (AddressFamily::INET6, IpAddr::V4(address)) => address.to_ipv6_mapped().octets().to_vec(),
                (_, IpAddr::V4(address)) => address.octets().to_vec(),
                (_, IpAddr::V6(address)) => address.octets().to_vec(),
            };
            bytes.resize(16, 0);
            bytes
        };
        let length = u32::try_from(HEADER + REQUEST).map_err(io::Error::other)?;
        let mut text = Vec::with_capacity(HEADER + REQUEST);
        text.extend(length.to_ne_bytes());
        text.extend([SOCK_DIAG, IS_REQUEST].map(u16::to_ne_bytes).concat());
        text.extend([0; 8]); // sequence, sender
        text.extend([family.as_raw().to_ne_bytes()[0], TCP, WANTS_INFO, 0]);
        text.extend(ALL_STATES.to_ne_bytes());
        text.extend([local.port(), peer.port()].map(u16::to_be_bytes).concat());
        text.extend(address(local.ip()));
        text.extend(address(peer.ip()));
        text.extend([0; 4]); // any interface
        text.extend(cookie.to_ne_bytes());
        Ok(Self(text))
    }

    /// Its number.
    pub(super) fn cookie(&self) -> Option<Cookie> {
        number(&self.0, HEADER + REQUEST - size_of::<Cookie>())
    }

    /// Whether the kernel still has it. One that is being closed counts, since its buffers are still there.
    pub(super) fn exists(&self) -> bool {
        self.0.is_empty() || !matches!(self.ask(), Ok(None))
    }

    /// What it has carried so far; `None` when it has ended, or is about to be told of as such.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked.
    pub(super) fn carried(&self) -> io::Result<Option<Carried>> {
        Ok(self.ask()?.and_then(|answer| Told::parse(&answer)).and_then(|told| told.carried))
    }

    /// The message about it; `None` when the kernel has it no more.
    fn ask(&self) -> io::Result<Option<Vec<u8>>> {
        let socket = open()?;
        sendto(&socket, &self.0, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut space = [0_u8; 1024];
        // The kernel has answered by the time it has taken the question.
        let (length, _) = recv(&socket, &mut space[..], RecvFlags::empty())?;
        let answer = space.get(..length).unwrap_or_default();
        if number::<u16>(answer, 4) == Some(SOCK_DIAG) {
            return Ok(Some(answer.to_vec()));
        }
        match number::<i32>(answer, HEADER) {
            Some(code) if code == -Errno::NOENT.raw_os_error() => Ok(None),
            code => Err(io::Error::from_raw_os_error(code.unwrap_or_default().saturating_neg())),
        }
    }
}

fn open() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG))?)
}

/// The kernel's messages about TCP sockets of this network that have ended.
///
/// # Errors
///
/// When it does not send them.
pub(super) fn open_ends() -> io::Result<OwnedFd> {
    let socket = open()?;
    // Without it the kernel's own limit holds.
    let _ = sockopt::set_socket_recv_buffer_size_force(&socket, WAITING);
    bind(&socket, &SocketAddrNetlink::new(0, ENDED))?;
    Ok(socket)
}

/// A message about a socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) cookie: Cookie,
    /// What it has carried, where the message says it.
    pub(super) carried: Option<Carried>,
}

impl Told {
    /// Reads a message; `None` if it is about something else.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        if number::<u16>(message, 4)? != SOCK_DIAG {
            return None;
        }
        let cookie = number(message, HEADER + COOKIE)?;
        let mut attributes = message.get(HEADER + MESSAGE..).unwrap_or_default();
        let mut carried = None;
        while let (Some(length), Some(kind)) = (number::<u16>(attributes, 0), number::<u16>(attributes, 2)) {
            let length = usize::from(length);
            if kind == INFO {
                carried = attributes.get(4..length).and_then(figures);
            }
            // Each begins at a multiple of 4.
            attributes = attributes.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
        }
        Some(Self { cookie, carried })
    }
}

/// The figures of a `struct tcp_info`.
fn figures(info: &[u8]) -> Option<Carried> {
    let sent = number::<u64>(info, BYTES_SENT)?.saturating_sub(number(info, BYTES_SENT_AGAIN)?);
    Some(Carried { sent, received: number(info, BYTES_RECEIVED)? })
}

/// A number of the kernel's, in its byte order.
trait Native: Sized {
    fn read(bytes: &[u8]) -> Option<Self>;
}

macro_rules! native {
    ($($number:ty)*) => {$(
        impl Native for $number {
            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().copied().map(Self::from_ne_bytes)
            }
        }
    )*};
}

native!(u16 i32 u64);

fn number<T: Native>(message: &[u8], at: usize) -> Option<T> {
    message.get(at..).and_then(T::read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_says_too_little_is_read_as_far_as_it_goes() {
        assert_eq!(Told::parse(&[]), None);
        assert_eq!(Told::parse(&[0; 200]), None);
        let mut message = vec![0; HEADER + MESSAGE + 8];
        message[4..6].copy_from_slice(&SOCK_DIAG.to_ne_bytes());
        message[HEADER + COOKIE..HEADER + COOKIE + 8].copy_from_slice(&77_u64.to_ne_bytes());
        let nothing = Told { cookie: 77, carried: None };
        assert_eq!(Told::parse(&message), Some(nothing));
        // An attribute without a length, and one that is cut off.
        for length in [0_u16, 3, 300] {
            message[HEADER + MESSAGE..HEADER + MESSAGE + 2].copy_from_slice(&length.to_ne_bytes());
            message[HEADER + MESSAGE + 2..HEADER + MESSAGE + 4].copy_from_slice(&INFO.to_ne_bytes());
            assert_eq!(Told::parse(&message).unwrap().carried, None, "{length}");
        }
    }
}
