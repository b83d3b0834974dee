//! A proxy between a client and the server that records each request.

use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::request::Request;

/// A proxy of HTTP/1.1. It passes responses on as they come, and records a whole request before the server gets it.
///
/// The first segment of a request's path names the request's operation. The proxy removes it.
pub(super) struct Recorder {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts a recorder in front of the server at this address.
    pub(super) async fn start(server: &str) -> Self {
        let server = Url::parse(server).unwrap().socket_addrs(|| None).unwrap()[0];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::default();
        let remember = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&remember)));
            }
        });
        Self { address, requests, task }
    }

    /// Returns the base URL, to which an operation's name is appended.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the URL of the API for requests of this operation.
    pub(super) fn api(&self, operation: &str) -> String {
        format!("{}/{operation}/api", self.url())
    }

    /// Returns all requests, in the order in which they came.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes data in both directions, until one side closes.
async fn pass(client: TcpStream, server: TcpStream, requests: Arc<Mutex<Vec<Request>>>) {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass_requests(BufReader::new(from_client), to_server, &requests) => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}

async fn pass_requests(
    mut client: BufReader<OwnedReadHalf>,
    mut server: OwnedWriteHalf,
    requests: &Mutex<Vec<Request>>,
) {
    while let Some(head) = read_head(&mut client).await {
        let (line, headers) = head.split_once("\r\n").unwrap();
        let mut request = Request::parse(line, headers);
        request.body = vec![0; request.body_length()];
        if client.read_exact(&mut request.body).await.is_err() {
            return;
        }
        let line = line.replacen(&format!("/{}", request.operation), "", 1);
        let message = [format!("{line}\r\n{headers}").as_bytes(), &request.body].concat();
        requests.lock().unwrap().push(request);
        if server.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// Reads a request up to its body. Returns `None` if there is no more.
async fn read_head(client: &mut BufReader<OwnedReadHalf>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !matches!(client.read_line(&mut head).await, Ok(1..)) {
            return None;
        }
    }
    Some(head)
}
