//! An HTTP client with one connection. The load generator shares the host with what it measures, so it does as little
//! as possible: no pool, no redirects, no second thread.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A request without a response within this time has failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// A client with one connection. It opens the connection when it needs one, and keeps it.
pub(crate) struct Client {
    server: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(crate) const fn new(server: SocketAddr) -> Self {
        Self { server, connection: None }
    }

    /// Returns the connection. Opens it if it is not open.
    pub(crate) async fn connect(&mut self) -> anyhow::Result<&mut SendRequest<Full<Bytes>>> {
        let open = match self.connection.take() {
            Some(mut connection) => connection.ready().await.is_ok().then_some(connection),
            None => None,
        };
        let connection = if let Some(connection) = open { connection } else { self.open().await? };
        Ok(self.connection.insert(connection))
    }

    async fn open(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.server).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        // An error of the driver also reaches the sender of a request, as the error of its response.
        tokio::spawn(async { drop(driver.await) });
        Ok(connection)
    }

    /// Sends a request and waits for the head of the response.
    pub(crate) async fn begin(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        Ok(self.connect().await?.send_request(request).await?)
    }

    /// Sends a request and waits for the whole response.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
        let exchange = async {
            let answer = self.begin(request).await?;
            let status = answer.status();
            Ok((status, answer.into_body().collect().await?.to_bytes()))
        };
        let exchanged = tokio::time::timeout(PATIENCE, exchange).await.context("no answer in time").flatten();
        if exchanged.is_err() {
            // The rest of an unfinished response must not be read as part of the next one.
            self.connection = None;
        }
        exchanged
    }
}
