//! Sends queries to the host's resolvers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::message::Query;

const CONFIGURATION: &str = "/etc/resolv.conf";

/// The most resolvers that are used; a C library uses as many.
const MOST: usize = 3;

/// How long one of them may take to respond.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest DNS message in bytes.
const LONGEST: usize = 65_535;

/// The addresses of the resolvers, in the order in which they are queried.
#[derive(Debug, Clone)]
pub(super) struct Resolvers(Vec<SocketAddr>);

impl Resolvers {
    /// Returns the configured resolvers, or else the host's.
    pub(super) async fn find(given: &[SocketAddr]) -> Self {
        if !given.is_empty() {
            return Self(given.to_vec());
        }
        // Read for each sandbox, so that a change of the file needs no restart. Without the file, the C library also
        // queries the loopback.
        Self(parse(&tokio::fs::read_to_string(CONFIGURATION).await.unwrap_or_default()))
    }

    /// Returns the first response, as the resolver sent it.
    pub(super) async fn query(&self, query: &Query, over_tcp: bool) -> Option<Vec<u8>> {
        for resolver in &self.0 {
            let response = async {
                if over_tcp { query_over_tcp(*resolver, query).await } else { query_over_udp(*resolver, query).await }
            };
            if let Ok(Ok(response)) = timeout(RESPONSE_TIMEOUT, response).await {
                return Some(response);
            }
        }
        None
    }
}

/// Parses `/etc/resolv.conf` as the C library does.
fn parse(configuration: &str) -> Vec<SocketAddr> {
    let servers = configuration.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address: IpAddr = words.next().filter(|word| *word == "nameserver").and(words.next())?.parse().ok()?;
        Some(SocketAddr::new(address, 53))
    });
    let servers: Vec<_> = servers.take(MOST).collect();
    if servers.is_empty() { vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 53))] } else { servers }
}

async fn query_over_udp(resolver: SocketAddr, query: &Query) -> io::Result<Vec<u8>> {
    // A separate source port for every query is half of what makes a response hard to forge.
    let any: IpAddr = if resolver.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // From now on the kernel drops datagrams of other senders.
    socket.connect(resolver).await?;
    socket.send(&query.message).await?;
    let mut bytes = vec![0; LONGEST];
    loop {
        let length = socket.recv(&mut bytes).await?;
        let response = bytes.get(..length).unwrap_or_default();
        // Another message may be forged, so we wait on for the right one until the time is over.
        if query.is_answered_by(response) {
            return Ok(response.to_vec());
        }
    }
}

async fn query_over_tcp(resolver: SocketAddr, query: &Query) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    write(&mut stream, &query.message).await?;
    let response = read(&mut stream).await?;
    if query.is_answered_by(&response) { Ok(response) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Reads a message from a connection.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Writes a message to a connection.
pub(super) async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_parsed_as_the_c_library_does() {
        let text = "# nameserver 9.9.9.9\nsearch example.com\nnameserver 127.0.0.53\n nameserver  ::1\nnameserver x\n\
                    nameserver 1.1.1.1\nnameserver 8.8.8.8\n";
        let expected: Vec<SocketAddr> =
            ["127.0.0.53:53", "[::1]:53", "1.1.1.1:53"].map(|address| address.parse().unwrap()).to_vec();
        assert_eq!(parse(text), expected);
        assert_eq!(parse(""), ["127.0.0.1:53".parse::<SocketAddr>().unwrap()]);
    }
}
