//! A proxy that counts connections and requests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::Mutex;

use super::count::Count;

/// How long no request may come until the work is considered done. It is longer than the time that the port waits
/// before it ends a command whose output is not read.
const QUIET: Duration = Duration::from_millis(700);

/// A proxy of an HTTP server. It is used only for counting, not while times are measured.
pub(super) struct Counter {
    /// The address on which it listens.
    pub(super) address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
    answered: AtomicUsize,
}

impl Counter {
    /// Starts a proxy of the server at this address. It runs until the program ends. It has a thread of its own,
    /// because the bench's thread blocks while it waits for servers to start that already send requests through the
    /// proxy.
    pub(super) fn start(upstream: SocketAddr) -> anyhow::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let (address, counts) = (listener.local_addr()?, Arc::new(Counts::default()));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&counts);
        std::thread::spawn(move || runtime.block_on(accept(listener, upstream, shared)));
        Ok(Self { address, counts })
    }

    /// Resets all counts to zero.
    pub(super) fn reset(&self) {
        for count in [&self.counts.connections, &self.counts.requests, &self.counts.answered] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Returns the number of requests whose response has begun.
    pub(super) fn answered(&self) -> usize {
        self.counts.answered.load(Ordering::Relaxed)
    }

    /// Returns the counts since the last reset, once no request has come for [`QUIET`]. `waited_for` is how many
    /// requests had a response before there was an outcome.
    pub(super) async fn all(&self, waited_for: usize) -> Count {
        let requests = || self.counts.requests.load(Ordering::Relaxed);
        let (mut since, mut seen) = (Instant::now(), requests());
        while since.elapsed() < QUIET {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if requests() != seen || self.answered() != seen {
                (since, seen) = (Instant::now(), requests());
            }
        }
        Count { requests: seen, waited_for, connections: self.counts.connections.load(Ordering::Relaxed) }
    }
}

async fn accept(listener: StdListener, upstream: SocketAddr, counts: Arc<Counts>) -> anyhow::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        counts.connections.fetch_add(1, Ordering::Relaxed);
        let counts = Arc::clone(&counts);
        // If carrying fails, the connection closes, and the client reports the error.
        tokio::spawn(async move { drop(forward(stream, upstream, counts).await) });
    }
}

/// Carries the requests of one connection over another one to the server.
async fn forward(stream: TcpStream, upstream: SocketAddr, counts: Arc<Counts>) -> anyhow::Result<()> {
    let onward = TcpStream::connect(upstream).await?;
    for stream in [&stream, &onward] {
        stream.set_nodelay(true)?;
    }
    let (sender, driver) = client::handshake::<_, Incoming>(TokioIo::new(onward)).await?;
    tokio::spawn(async { drop(driver.await) });
    // One connection carries one request after the other, as the client's own connection does.
    let sender = Mutex::new(sender);
    let answer = async |request: Request<Incoming>| -> hyper::Result<Response<Incoming>> {
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let mut sender = sender.lock().await;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        counts.answered.fetch_add(1, Ordering::Relaxed);
        Ok(answer)
    };
    server::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await?;
    Ok(())
}
