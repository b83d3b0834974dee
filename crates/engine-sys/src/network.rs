//! Network namespaces and their sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Brings up the loopback interface in the network namespace of this process.
///
/// # Errors
///
/// Without `CAP_NET_ADMIN` over the namespace.
pub fn bring_loopback_up() -> io::Result<()> {
    // Any socket does: the request applies to the namespace that it was made in.
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: `ifreq` is plain old data for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let up = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(up).map_err(io::Error::other)?;
    // SAFETY: SIOCSIFFLAGS reads one `ifreq`, which lives across the call, has its name terminated (the rest is zero)
    // and the union member that this request reads set. The socket is open for the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Returns the number of the network namespace that a socket belongs to. No other namespace gets the same number.
///
/// # Errors
///
/// When it is no socket, or the kernel is older than 5.14.
pub fn network_namespace_of(socket: impl AsFd) -> io::Result<u64> {
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of::<u64>()).map_err(io::Error::other)?;
    // SAFETY: the option is a `u64`, written to a live local of that type, whose size is passed along.
    let result = unsafe {
        let number = socket.as_fd().as_raw_fd();
        libc::getsockopt(number, libc::SOL_SOCKET, SO_NETNS_COOKIE, (&raw mut cookie).cast(), &raw mut length)
    };
    if result == 0 { Ok(cookie) } else { Err(io::Error::last_os_error()) }
}

/// libc lacks this constant. It has the same value on all architectures that we checked.
const SO_NETNS_COOKIE: libc::c_int = 71;

/// Makes a TCP socket drop every packet that does not come from one port of one address. A later owner of the socket
/// cannot undo that.
///
/// # Errors
///
/// When the kernel refuses.
pub fn accept_only_from(socket: impl AsFd, peer: SocketAddr) -> io::Result<()> {
    // Offsets from this value on count from the network header. Other offsets count from the TCP header, which begins
    // with the sender's port.
    const NETWORK: u32 = 0xFFF0_0000; // SKF_NET_OFF
    const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const LOAD_HALF: u16 = 0x28; // BPF_LD | BPF_H | BPF_ABS
    const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    // Where the sender's address begins in the header of IPv4 and of IPv6.
    let (offset, address) = match peer.ip().to_canonical() {
        IpAddr::V4(address) => (12, address.octets().to_vec()),
        IpAddr::V6(address) => (8, address.octets().to_vec()),
    };
    let words = address.chunks_exact(4).map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
    let places = (NETWORK + offset..).step_by(4);
    let tests = [(LOAD_HALF, 0, u32::from(peer.port()))].into_iter();
    let tests: Vec<_> = tests.chain(places.zip(words).map(|(place, word)| (LOAD, place, word))).collect();
    let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = Vec::new();
    for (left, (load, place, value)) in (0..tests.len()).rev().zip(tests) {
        // If the value differs, the filter jumps to the last instruction: over the remaining loads and tests, and over
        // the instruction that accepts.
        let over = u8::try_from(2 * left + 1).map_err(io::Error::other)?;
        filter.extend([instruction(load, 0, 0, place), instruction(JUMP_EQUAL, 0, over, value)]);
    }
    filter.extend([instruction(RETURN, 0, 0, u32::MAX), instruction(RETURN, 0, 0, 0)]);
    let length = u16::try_from(filter.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: filter.as_mut_ptr() };
    let locked: libc::c_int = 1;
    let set = |option, value: *const libc::c_void, size: usize| {
        let size = libc::socklen_t::try_from(size).map_err(io::Error::other)?;
        // SAFETY: both options below read one value of the size that is passed along; it lives across the call. The
        // program points to `length` instructions in `filter`, which the kernel verifies and copies.
        let result = unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), libc::SOL_SOCKET, option, value, size) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // Before the lock, which also refuses a first filter.
    set(libc::SO_ATTACH_FILTER, (&raw const program).cast(), size_of::<libc::sock_fprog>())?;
    set(libc::SO_LOCK_FILTER, (&raw const locked).cast(), size_of::<libc::c_int>())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

    use rustix::net::{bind, connect, listen};

    use super::*;

    fn socket(family: AddressFamily) -> std::os::fd::OwnedFd {
        socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None).unwrap()
    }

    #[test]
    fn a_socket_receives_from_its_one_peer_only() {
        for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let server = TcpListener::bind((address, 0)).unwrap();
            let peer = server.local_addr().unwrap();
            let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };

            let client = socket(family);
            accept_only_from(&client, peer).unwrap();
            rustix::io::ioctl_fionbio(&client, false).unwrap();
            connect(&client, &peer).unwrap();
            let (mut accepted, _) = server.accept().unwrap();
            accepted.write_all(b"received").unwrap();
            drop(accepted);
            let mut text = String::new();
            TcpStream::from(client).read_to_string(&mut text).unwrap();
            assert_eq!(text, "received");

            // The socket accepts another port of the same host only, so it ignores the response to its own connection
            // request.
            let client = socket(family);
            accept_only_from(&client, SocketAddr::new(address, 1)).unwrap();
            assert_eq!(connect(&client, &peer).unwrap_err(), rustix::io::Errno::INPROGRESS);
            let again = connect(&client, &peer).unwrap_err();
            assert_eq!(again, rustix::io::Errno::ALREADY);
            assert!(accept_only_from(&client, peer).is_err(), "what is locked cannot be replaced");
        }
    }

    #[test]
    fn a_filtered_socket_accepts_no_connection() {
        let listener = socket(AddressFamily::INET);
        accept_only_from(&listener, SocketAddr::from(([93, 184, 216, 34], 443))).unwrap();
        bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        listen(&listener, 1).unwrap();
        let address = SocketAddr::try_from(rustix::net::getsockname(&listener).unwrap()).unwrap();
        let client = socket(AddressFamily::INET);
        assert_eq!(connect(&client, &address).unwrap_err(), rustix::io::Errno::INPROGRESS);
        assert_eq!(connect(&client, &address).unwrap_err(), rustix::io::Errno::ALREADY);
    }

    #[test]
    fn sockets_of_one_namespace_have_one_number() {
        let [one, other] = [socket(AddressFamily::INET), socket(AddressFamily::INET6)];
        assert_eq!(network_namespace_of(&one).unwrap(), network_namespace_of(&other).unwrap());
        assert!(network_namespace_of(std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
