//! A connection without a client library, for requests that no library would send and for disconnecting.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use workers_testing::connect_with_small_buffer;

pub(crate) struct RawClient(TcpStream);

impl RawClient {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(connect_with_small_buffer(address).await.unwrap())
    }

    /// Sends a POST with a body, and waits for nothing.
    pub(crate) async fn post(&mut self, path: &str, headers: &str, body: &[u8]) {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        self.send(head.as_bytes()).await;
        self.send(body).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Reads until the text has arrived, and returns everything that arrived.
    pub(crate) async fn read_until(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(text) {
            let read = self.0.read_buf(&mut all).await.unwrap();
            assert_ne!(read, 0, "the server hung up after {}", String::from_utf8_lossy(&all));
        }
        String::from_utf8(all).unwrap()
    }

    /// Reads until the server closes the connection.
    pub(crate) async fn read_to_end(&mut self) -> String {
        String::from_utf8(self.read_bytes_to_end().await).unwrap()
    }

    /// Like [`read_to_end`](Self::read_to_end), but for arbitrary bytes.
    pub(crate) async fn read_bytes_to_end(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        self.0.read_to_end(&mut all).await.unwrap();
        all
    }

    /// Resets the connection instead of closing it, like a client that crashes.
    pub(crate) fn reset(self) {
        self.0.set_zero_linger().unwrap();
    }
}
