//! A client of which the operating system keeps little that is unread.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream};

/// Connects a client whose receive buffer is 64 KiB.
///
/// Without a fixed size the kernel lets the buffer of a client that does not read grow to `tcp_rmem`'s maximum, which
/// is 32 MiB on newer kernels: a whole response would fit, and the server would never notice that the client does not
/// read.
///
/// # Errors
/// The operating system's, if the server cannot be reached.
pub async fn connect_with_small_buffer(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_recv_buffer_size(64 * 1024)?;
    socket.connect(address).await
}
