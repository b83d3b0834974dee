//! A socket that is bound to its address but not served yet.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpSocket;

/// Maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// A listening socket. Dropping it frees the address.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    local_addr: SocketAddr,
}

/// The reason why a server could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address can be reached from other hosts, and the server requires no token.
    #[error("{0} can be reached from other machines, which needs a token")]
    TokenRequired(SocketAddr),
    /// The address is in use, or does not belong to this host.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        source: io::Error,
    },
}

impl Listener {
    /// Binds to the address; port 0 chooses a free port. An `open` server requires no token. A client that accepts no
    /// data for `write_timeout` although data is waiting for it loses its connection; zero disables this. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the address is in use, or if it is not loopback while the server is open.
    pub fn bind(address: SocketAddr, open: bool, write_timeout: Duration) -> Result<Self, BindError> {
        // `::ffff:127.0.0.1` is loopback too, but `is_loopback` knows that only of its IPv4 form.
        if open && !address.ip().to_canonical().is_loopback() {
            return Err(BindError::TokenRequired(address));
        }
        listen(address, write_timeout).map_err(|source| BindError::Listen { address, source })
    }

    /// Returns the socket, for the server that accepts its connections.
    #[must_use]
    pub fn into_socket(self) -> TcpListener {
        self.socket
    }

    /// Returns the address that the socket is bound to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

fn listen(address: SocketAddr, write_timeout: Duration) -> io::Result<Listener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Lets a restarted server bind to its address while old connections are still closing.
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit this option. The kernel measures for how long a client accepts none of the waiting
    // data, and then closes the connection.
    set_tcp_user_timeout(&socket, write_timeout.as_millis().try_into().unwrap_or(u32::MAX))?;
    socket.bind(address)?;
    let socket = socket.listen(BACKLOG)?.into_std()?;
    let local_addr = socket.local_addr()?;
    Ok(Listener { socket, local_addr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_open_server_listens_on_loopback_only() {
        let bind = |address: &str, open| Listener::bind(address.parse().unwrap(), open, Duration::ZERO);
        assert!(matches!(bind("0.0.0.0:0", true), Err(BindError::TokenRequired(_))));
        assert_ne!(bind("127.0.0.1:0", true).unwrap().local_addr().port(), 0);
        assert!(bind("0.0.0.0:0", false).is_ok());
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let first = Listener::bind("127.0.0.1:0".parse().unwrap(), true, Duration::ZERO).unwrap();
        let second = Listener::bind(first.local_addr(), true, Duration::ZERO);
        assert!(matches!(second, Err(BindError::Listen { address, .. }) if address == first.local_addr()));
    }
}
