//! Finds out from the kernel's routes whether an address is this host's own.

use std::io;
use std::net::IpAddr;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

const GET_ROUTE: u16 = 26; // RTM_GETROUTE
const NEW_ROUTE: u16 = 24; // RTM_NEWROUTE
const ERROR: u16 = 2; // NLMSG_ERROR
const IS_REQUEST: u16 = 1; // NLM_F_REQUEST
const DESTINATION: u16 = 1; // RTA_DST
const UNICAST: u8 = 1; // RTN_UNICAST

/// Lengths of the headers in bytes: of any message, of one about a route, of an attribute.
const HEADER: usize = 16;
const ROUTE_HEADER: usize = 12;
const ATTRIBUTE_HEADER: usize = 4;

/// Returns whether packets to an address leave this host for one other host, or would if there were a route. `false`
/// for the host's own addresses, for addresses that the host accepts packets for without having them, and for
/// broadcasts.
///
/// # Errors
///
/// When the query fails.
pub(super) fn leads_elsewhere(address: IpAddr) -> io::Result<bool> {
    // Non-blocking, so that a missing response is an error and no endless wait.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    sendto(&socket, &request(address), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut space = [0_u8; 1024];
    // When `sendto` returns, the kernel has already put its response into the socket.
    let (length, _) = recv(&socket, &mut space[..], RecvFlags::empty())?;
    parse(space.get(..length).unwrap_or_default()).ok_or_else(|| io::Error::other("a response of unknown form"))
}

fn request(address: IpAddr) -> Vec<u8> {
    let (family, bytes) = match address {
        IpAddr::V4(address) => (AddressFamily::INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AddressFamily::INET6, address.octets().to_vec()),
    };
    let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes();
    let length = u32::try_from(HEADER + ROUTE_HEADER + ATTRIBUTE_HEADER + bytes.len()).unwrap_or(u32::MAX);
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend([GET_ROUTE, IS_REQUEST].map(u16::to_ne_bytes).concat());
    message.extend([0; 8]); // sequence, sender
    let bits = u8::try_from(bytes.len() * 8).unwrap_or(u8::MAX);
    message.extend([family.as_raw().to_ne_bytes()[0], bits]);
    message.extend([0; ROUTE_HEADER - 2]);
    message.extend(short(ATTRIBUTE_HEADER + bytes.len()));
    message.extend(DESTINATION.to_ne_bytes());
    message.extend(bytes);
    message
}

/// Parses the kernel's response; returns `None` if it is incomplete.
fn parse(message: &[u8]) -> Option<bool> {
    match u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?) {
        // There is no route, or a route that refuses; then connecting fails with the right error.
        ERROR => Some(true),
        NEW_ROUTE => Some(*message.get(HEADER + 7)? == UNICAST),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_addresses_lead_nowhere_else() {
        for own in ["127.0.0.1", "127.9.9.9", "::1", "255.255.255.255"] {
            assert!(!leads_elsewhere(own.parse().unwrap()).unwrap(), "{own}");
        }
    }

    #[test]
    fn an_incomplete_response_is_not_accepted() {
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&[0; 64]), None);
        let mut message = [0; 64];
        message[4..6].copy_from_slice(&NEW_ROUTE.to_ne_bytes());
        assert_eq!(parse(&message), Some(false));
        assert_eq!(parse(&message[..20]), None);
    }
}
