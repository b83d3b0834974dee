//! The arguments of a sandbox's `connect` call, read so that the sandbox cannot change them meanwhile: the address is
//! copied, and the socket is duplicated into a descriptor of our own.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use workers_engine_sys::network_namespace_of;
use workers_engine_sys::notify::Notification;

use super::pending_call::PendingCall;
use crate::sandbox_io::{OnSandboxThread, SandboxFd, SandboxIo, copy_descriptor, read_memory};

/// The longest address of a socket, in bytes.
const ADDRESS: usize = 128;

/// The number of the Multipath TCP protocol, which by design falls back to TCP.
const MPTCP: u32 = 262;

/// A `connect` call of a sandbox, which waits for its response.
#[derive(Debug)]
pub(super) struct ConnectRequest {
    /// The call.
    pub(super) call: PendingCall,
    /// The number of the socket's descriptor in the calling process.
    pub(super) number: i32,
    /// Our own descriptor of the socket.
    pub(super) socket: SandboxFd,
    /// The kind of the socket.
    pub(super) kind: SocketKind,
    /// Whether it is a socket of the host's network, which was installed for an earlier `connect`.
    pub(super) is_outside: bool,
    /// Whether the socket is blocking, so that the caller waits for the connection.
    pub(super) is_blocking: bool,
    /// The address to connect to.
    pub(super) address: Address,
}

/// A kind of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SocketKind {
    /// TCP, over IPv4 or IPv6.
    Tcp(AddressFamily),
    /// UDP, over either.
    Udp,
    /// A local (Unix) socket.
    Unix,
    /// Any other.
    Other,
}

/// The address argument of `connect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// An IPv4 or IPv6 address with a port.
    Internet(SocketAddr),
    /// A path in the file system, or, if it begins with NUL, an abstract name.
    Unix(Vec<u8>),
    /// No address (`AF_UNSPEC`): the socket loses its peer.
    Unspecified,
    /// An address of an unknown family.
    Unknown,
}

impl ConnectRequest {
    /// Reads the arguments of the call.
    ///
    /// # Errors
    ///
    /// The error that the kernel would have returned. It has no meaning if the calling thread no longer waits.
    pub(super) fn read(call: PendingCall, outside: u64, io: &SandboxIo, on: &OnSandboxThread) -> Result<Self, Errno> {
        let Notification { thread, arguments: [number, address, length, ..], .. } = call.notification;
        // In the kernel, the number and the length are 32 bits wide; only the address is a pointer.
        let number = i32::from_ne_bytes(low_half(number));
        let length = usize::try_from(i32::from_ne_bytes(low_half(length))).map_err(|_| Errno::INVAL)?;
        // The kernel refuses what is longer than its `struct sockaddr_storage`, too.
        if length > ADDRESS {
            return Err(Errno::INVAL);
        }
        let socket = SandboxFd::new(io, duplicate_socket(thread, number, on)?);
        let mut bytes = [0; ADDRESS];
        let bytes = bytes.get_mut(..length).unwrap_or_default();
        if read_memory(thread, address, bytes, on).map_err(|_| Errno::FAULT)? < length {
            return Err(Errno::FAULT);
        }
        // The calling thread may have ended since, and its number may belong to another process by now.
        if !call.is_pending() {
            return Err(Errno::SRCH);
        }
        let kind = SocketKind::of(socket.get(on))?;
        // By the socket and not by a list of descriptors, because a process can copy descriptors and pass them on.
        let namespace = network_namespace_of(socket.get(on)).map_err(|_| Errno::NOTSOCK)?;
        let flags = rustix::fs::fcntl_getfl(socket.get(on))?;
        Ok(Self {
            call,
            number,
            socket,
            kind,
            is_outside: namespace == outside,
            is_blocking: !flags.contains(OFlags::NONBLOCK),
            address: Address::parse(bytes)?,
        })
    }

    /// Returns the calling thread.
    pub(super) fn thread(&self) -> Pid {
        self.call.notification.thread
    }

    /// Returns whether the descriptor is closed when another program is executed.
    pub(super) fn is_closed_at_exec(&self, _: &OnSandboxThread) -> bool {
        let path = format!("/proc/{}/fdinfo/{}", self.thread().as_raw_nonzero(), self.number);
        let fdinfo = fs::read_to_string(path).unwrap_or_default();
        let flags = fdinfo.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        // If the flags cannot be read, the caller is gone or is changing its descriptors.
        flags.is_none_or(|flags| flags & OFlags::CLOEXEC.bits() != 0)
    }
}

pub(super) fn low_half(argument: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = argument.to_le_bytes();
    u32::from_le_bytes([a, b, c, d]).to_ne_bytes()
}

/// Makes a descriptor of our own for a socket of another process.
pub(super) fn duplicate_socket(thread: Pid, number: i32, on: &OnSandboxThread) -> Result<OwnedFd, Errno> {
    // On older kernels there is no pidfd for a thread that is not the first of its process. Then we use the process,
    // which has the same descriptors, unless the program separates them on purpose.
    let process = pidfd_open(thread, PidfdFlags::empty()).or_else(|_| {
        let status =
            fs::read_to_string(format!("/proc/{}/status", thread.as_raw_nonzero())).map_err(|_| Errno::SRCH)?;
        let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
        pidfd_open(leader.and_then(Pid::from_raw).ok_or(Errno::SRCH)?, PidfdFlags::empty())
    })?;
    copy_descriptor(process, number, on)
}

impl SocketKind {
    fn of(socket: BorrowedFd<'_>) -> Result<Self, Errno> {
        let (family, kind) = (sockopt::socket_domain(socket)?, sockopt::socket_type(socket)?);
        let protocol = sockopt::socket_protocol(socket)?.map(|protocol| protocol.as_raw().get());
        let is = |protocols: &[u32]| protocol.is_some_and(|protocol| protocols.contains(&protocol));
        let (tcp, udp) = (ipproto::TCP.as_raw().get(), ipproto::UDP.as_raw().get());
        Ok(match (family, kind) {
            (AddressFamily::UNIX, _) => Self::Unix,
            (AddressFamily::INET | AddressFamily::INET6, SocketType::STREAM) if is(&[tcp, MPTCP]) => Self::Tcp(family),
            (AddressFamily::INET | AddressFamily::INET6, SocketType::DGRAM) if is(&[udp]) => Self::Udp,
            _ => Self::Other,
        })
    }
}

impl Address {
    fn parse(bytes: &[u8]) -> Result<Self, Errno> {
        let family = bytes.get(..2).map(family_of).ok_or(Errno::INVAL)?;
        let port = |bytes: &[u8]| bytes.get(2..4).and_then(|port| port.try_into().ok()).map(u16::from_be_bytes);
        let word = |at: usize| bytes.get(at..at + 4).and_then(|word| <[u8; 4]>::try_from(word).ok());
        match family {
            AddressFamily::UNSPEC => Ok(Self::Unspecified),
            AddressFamily::INET if bytes.len() >= 16 => {
                let address = Ipv4Addr::from(word(4).ok_or(Errno::INVAL)?);
                Ok(Self::Internet(SocketAddrV4::new(address, port(bytes).ok_or(Errno::INVAL)?).into()))
            }
            // An address without a scope is valid, too.
            AddressFamily::INET6 if bytes.len() >= 24 => {
                let address: [u8; 16] = bytes.get(8..24).and_then(|bytes| bytes.try_into().ok()).ok_or(Errno::INVAL)?;
                let (flow, scope) = (word(4).map_or(0, u32::from_ne_bytes), word(24).map_or(0, u32::from_ne_bytes));
                let port = port(bytes).ok_or(Errno::INVAL)?;
                Ok(Self::Internet(SocketAddrV6::new(Ipv6Addr::from(address), port, flow, scope).into()))
            }
            AddressFamily::UNIX if bytes.len() > 2 => Ok(Self::Unix(bytes.get(2..).unwrap_or_default().to_vec())),
            AddressFamily::INET | AddressFamily::INET6 | AddressFamily::UNIX => Err(Errno::INVAL),
            _ => Ok(Self::Unknown),
        }
    }
}

fn family_of(bytes: &[u8]) -> AddressFamily {
    AddressFamily::from_raw(bytes.try_into().map_or(u16::MAX, u16::from_ne_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_as_the_kernel_does() {
        let v4 = [&2_u16.to_ne_bytes()[..], &443_u16.to_be_bytes(), &[93, 184, 216, 34], &[0; 8]].concat();
        assert_eq!(Address::parse(&v4), Ok(Address::Internet("93.184.216.34:443".parse().unwrap())));
        assert_eq!(Address::parse(&v4[..15]), Err(Errno::INVAL));
        let address: Ipv6Addr = "fe80::1".parse().unwrap();
        let v6 = [&10_u16.to_ne_bytes()[..], &80_u16.to_be_bytes(), &[0; 4], &address.octets(), &2_u32.to_ne_bytes()]
            .concat();
        assert_eq!(Address::parse(&v6), Ok(Address::Internet(SocketAddrV6::new(address, 80, 0, 2).into())));
        assert_eq!(Address::parse(&v6[..24]), Ok(Address::Internet(SocketAddrV6::new(address, 80, 0, 0).into())));
        assert_eq!(Address::parse(&v6[..23]), Err(Errno::INVAL));
        assert_eq!(Address::parse(&[1, 0, b'/', b'a']), Ok(Address::Unix(b"/a".to_vec())));
        assert_eq!(Address::parse(&[1, 0]), Err(Errno::INVAL));
        assert_eq!(Address::parse(&[0, 0]), Ok(Address::Unspecified));
        assert_eq!(Address::parse(&[0]), Err(Errno::INVAL));
        assert_eq!(Address::parse(&[16, 0, 0, 0]), Ok(Address::Unknown));
    }
}
