//! Counts the bytes that sandboxes send and receive over connections to the outside.
//!
//! Once a connection is made, the server takes no part in it and keeps no descriptor of it: otherwise its peer would
//! not see that the sandbox has closed it. So we query the kernel for the counters of open connections, and the kernel
//! sends a report with the counters of each that has ended. If one of these reports is lost, the total of the sandbox
//! is not known, and none is returned.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, recv};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use workers_domain::ports::NetworkTransfer;
use workers_engine_sys::{ClosedBy, Closer, watch};

use super::socket_diag::{Cookie, SocketQuery, SocketReport, subscribe_to_ends};

/// How long the kernel may take to report the end of a connection.
const REPORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Counts the bytes of the connections of an engine's sandboxes.
#[derive(Debug)]
pub(super) struct TrafficMeter {
    open: Arc<OpenConnections>,
    reader: AbortHandle,
}

/// The sandbox's counter of each open connection.
type OpenConnections = Mutex<HashMap<Cookie, Arc<TrafficCounter>>>;

/// The bytes of the connections of one sandbox.
#[derive(Debug, Default)]
pub(super) struct TrafficCounter {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The sum of the connections that have ended.
    ended: NetworkTransfer,
    open: HashMap<Cookie, Arc<SocketQuery>>,
    /// Whether the bytes of a connection are missing.
    is_incomplete: bool,
}

impl TrafficMeter {
    /// Starts to count. Must be called within the runtime.
    ///
    /// # Errors
    ///
    /// When the kernel does not report connections that have ended.
    pub(super) fn start() -> io::Result<Self> {
        let ends = watch(Arc::new(ClosedBy::new(subscribe_to_ends()?, DirectCloser)), Interest::READABLE)?;
        let open = Arc::<OpenConnections>::default();
        let reader = tokio::spawn(read_ends(ends, Arc::clone(&open))).abort_handle();
        Ok(Self { open, reader })
    }

    /// Counts a connection for a sandbox. Must be called while we still have a descriptor of it.
    pub(super) fn count(
        &self,
        counter: &Arc<TrafficCounter>,
        socket: BorrowedFd<'_>,
        family: AddressFamily,
        peer: SocketAddr,
    ) {
        let query = SocketQuery::new(socket, family, peer).ok();
        let Some((cookie, query)) = query.and_then(|query| Some((query.cookie()?, query))) else {
            lock(&counter.state).is_incomplete = true;
            return;
        };
        // In this order, because a connection that ends is looked up in `self.open` first.
        lock(&counter.state).open.insert(cookie, Arc::new(query));
        lock(&self.open).insert(cookie, Arc::clone(counter));
    }

    /// Stops counting for a sandbox.
    pub(super) fn remove(&self, counter: &Arc<TrafficCounter>) {
        lock(&self.open).retain(|_, other| !Arc::ptr_eq(other, counter));
    }
}

impl Drop for TrafficMeter {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl TrafficCounter {
    /// Returns the total so far; `None` if it is not known.
    pub(super) async fn total(&self) -> Option<NetworkTransfer> {
        timeout(REPORT_TIMEOUT, async {
            loop {
                // Made before the state is read, because `notify_waiters` wakes only futures that exist already.
                let changed = self.changed.notified();
                let (ended, open) = {
                    let state = lock(&self.state);
                    if state.is_incomplete {
                        return None;
                    }
                    (state.ended, state.open.values().map(Arc::clone).collect::<Vec<_>>())
                };
                // A query for each connection, and a sandbox may have 256 of them: too many for a thread of the
                // runtime.
                let total = tokio::task::spawn_blocking(move || sum(ended, &open)).await.ok()?;
                if let Some(total) = total.ok()? {
                    return Some(total);
                }
                // A connection has ended meanwhile, and the kernel's report about it is on the way.
                changed.await;
            }
        })
        .await
        .ok()?
    }

    /// Adds the report about a connection that has ended.
    fn end(&self, report: &SocketReport) {
        let mut state = lock(&self.state);
        if state.open.remove(&report.cookie).is_some() {
            match report.transfer {
                Some(transfer) => state.ended = add(state.ended, transfer),
                None => state.is_incomplete = true,
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Gives up the total, because reports are lost.
    fn mark_incomplete(&self) {
        let mut state = lock(&self.state);
        state.is_incomplete = true;
        state.open.clear();
        drop(state);
        self.changed.notify_waiters();
    }
}

/// Closes a descriptor on the calling thread: no sandbox shares it, so closing cannot block.
#[derive(Debug)]
struct DirectCloser;

impl Closer for DirectCloser {
    fn close(&self, descriptor: OwnedFd) {
        drop(descriptor);
    }
}

/// Adds the bytes of open connections to a total; returns `None` when one of them is not open any more.
fn sum(mut total: NetworkTransfer, open: &[Arc<SocketQuery>]) -> io::Result<Option<NetworkTransfer>> {
    for query in open {
        let Some(transfer) = query.transfer()? else { return Ok(None) };
        total = add(total, transfer);
    }
    Ok(Some(total))
}

fn add(a: NetworkTransfer, b: NetworkTransfer) -> NetworkTransfer {
    NetworkTransfer { sent: a.sent.saturating_add(b.sent), received: a.received.saturating_add(b.received) }
}

/// Counts the connections whose end the kernel reports. Returns only after an error.
async fn read_ends(ends: AsyncFd<Arc<ClosedBy<DirectCloser>>>, open: Arc<OpenConnections>) {
    let mut space = [0_u8; 2048];
    loop {
        let Ok(mut ready) = ends.readable().await else { return };
        match recv(ends.get_ref().as_fd(), &mut space[..], RecvFlags::empty()) {
            Ok((length, _)) => {
                let report = space.get(..length).and_then(SocketReport::parse);
                let counted = report.and_then(|report| Some((lock(&open).remove(&report.cookie)?, report)));
                if let Some((counter, report)) = counted {
                    counter.end(&report);
                }
            }
            Err(Errno::AGAIN) => ready.clear_ready(),
            Err(Errno::INTR) => {}
            Err(error) => {
                // The kernel had more reports than it keeps, and we do not know which are missing.
                tracing::warn!(error = %error, "the bytes of sandboxes' connections are not known any more");
                let all = std::mem::take(&mut *lock(&open));
                for counter in all.into_values() {
                    counter.mark_incomplete();
                }
                // After `ENOBUFS` the socket goes on with later reports; only those that did not fit are lost.
                if error != Errno::NOBUFS {
                    return;
                }
            }
        }
        // So that a flood of reports does not keep the thread from the runtime's other tasks.
        tokio::task::coop::consume_budget().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Makes a connection that is counted; returns it and its other end.
    fn connect(meter: &TrafficMeter, counter: &Arc<TrafficCounter>, server: &TcpListener) -> (TcpStream, TcpStream) {
        let address = server.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        meter.count(counter, client.as_fd(), family, address);
        (client, server.accept().unwrap().0)
    }

    fn send(from: &mut TcpStream, to: &mut TcpStream, length: usize) {
        from.write_all(&vec![7; length]).unwrap();
        to.read_exact(&mut vec![0; length]).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn bytes_of_connections_are_counted_while_they_are_open_and_when_they_have_ended() {
        let meter = TrafficMeter::start().unwrap();
        let (counter, other) = (Arc::<TrafficCounter>::default(), Arc::<TrafficCounter>::default());
        assert_eq!(counter.total().await, Some(NetworkTransfer::default()));
        let mut expected = NetworkTransfer::default();
        for server in ["127.0.0.1:0", "[::1]:0"] {
            let server = TcpListener::bind(server).unwrap();
            let (mut client, mut peer) = connect(&meter, &counter, &server);
            send(&mut client, &mut peer, 100_000);
            send(&mut peer, &mut client, 333);
            expected = add(expected, NetworkTransfer { sent: 100_000, received: 333 });
            assert_eq!(counter.total().await, Some(expected));
            drop(client);
            assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0, "the peer receives the end");
            drop(peer);
            let total = counter.total().await.unwrap();
            // The end of the peer's stream may have arrived before the socket's own end.
            assert_eq!(total.sent, expected.sent);
            assert!(total.received - expected.received <= 1, "{total:?}");
            expected = total;
        }
        assert_eq!(other.total().await, Some(NetworkTransfer::default()));
        assert!(lock(&meter.open).len() <= 2);
        meter.remove(&counter);
        assert!(lock(&meter.open).is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_incomplete_total_is_not_returned() {
        let meter = TrafficMeter::start().unwrap();
        let counter = Arc::<TrafficCounter>::default();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let _open = connect(&meter, &counter, &server);
        counter.mark_incomplete();
        assert_eq!(counter.total().await, None);
    }
}
