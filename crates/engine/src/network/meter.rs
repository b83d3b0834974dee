//! Counts the bytes that the connections of sandboxes to the outside carry.
//!
//! Once a connection is made, the server takes no part in it and keeps no descriptor of it: otherwise its peer would
//! not see that the sandbox has closed it. So we ask the kernel for the figures of open connections, and the kernel
//! sends a message with the figures of each that has ended. If one of these messages is lost, the total of the sandbox
//! is not known, and no figure is reported.

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
use workers_engine_sys::{ClosedBy, Closer, watch};

use super::diag::{self, Carried, Cookie, Socket, Told};

/// How long the kernel may take to report the end of a connection.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts for the sandboxes of an engine.
#[derive(Debug)]
pub(super) struct Meter {
    books: Arc<Books>,
    reader: AbortHandle,
}

/// The account of each open connection.
type Books = Mutex<HashMap<Cookie, Arc<Account>>>;

/// What the connections of one sandbox carry.
#[derive(Debug, Default)]
pub(super) struct Account {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The sum of the connections that have ended.
    ended: Carried,
    open: HashMap<Cookie, Arc<Socket>>,
    /// Whether the figures of a connection are lost.
    lacks: bool,
}

impl Meter {
    /// Starts to count. Must be called within the runtime.
    ///
    /// # Errors
    ///
    /// When the kernel does not report connections that have ended.
    pub(super) fn start() -> io::Result<Self> {
        let ends = watch(Arc::new(ClosedBy::new(diag::open_ends()?, AtOnce)), Interest::READABLE)?;
        let books = Arc::<Books>::default();
        let reader = tokio::spawn(read_ends(ends, Arc::clone(&books))).abort_handle();
        Ok(Self { books, reader })
    }

    /// Counts a connection for a sandbox. Must be called while we still have a descriptor of it.
    pub(super) fn count(
        &self,
        account: &Arc<Account>,
        socket: BorrowedFd<'_>,
        family: AddressFamily,
        peer: SocketAddr,
    ) {
        let described = Socket::describe(socket, family, peer).ok();
        let Some((cookie, socket)) = described.and_then(|socket| Some((socket.cookie()?, socket))) else {
            lock(&account.state).lacks = true;
            return;
        };
        // In this order, because a connection that ends is looked up in the books first.
        lock(&account.state).open.insert(cookie, Arc::new(socket));
        lock(&self.books).insert(cookie, Arc::clone(account));
    }

    /// Stops counting for a sandbox.
    pub(super) fn close(&self, account: &Arc<Account>) {
        lock(&self.books).retain(|_, other| !Arc::ptr_eq(other, account));
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Account {
    /// Returns what the sandbox's connections have carried so far; `None` if that is not known.
    pub(super) async fn carried(&self) -> Option<Carried> {
        timeout(PATIENCE, async {
            loop {
                let changed = self.changed.notified();
                let (ended, open) = {
                    let state = lock(&self.state);
                    if state.lacks {
                        return None;
                    }
                    (state.ended, state.open.values().map(Arc::clone).collect::<Vec<_>>())
                };
                let asked = tokio::task::spawn_blocking(move || sum(ended, &open)).await.ok()?;
                if let Some(all) = asked.ok()? {
                    return Some(all);
                }
                // A connection has ended meanwhile, and the kernel's message about it is on the way.
                changed.await;
            }
        })
        .await
        .ok()?
    }

    fn end(&self, told: &Told) {
        let mut state = lock(&self.state);
        if state.open.remove(&told.cookie).is_some() {
            match told.carried {
                Some(carried) => state.ended = state.ended.plus(carried),
                None => state.lacks = true,
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn lose(&self) {
        let mut state = lock(&self.state);
        state.lacks = true;
        state.open.clear();
        drop(state);
        self.changed.notify_waiters();
    }
}

/// Closes a descriptor that no other process shares, at once.
#[derive(Debug)]
struct AtOnce;

impl Closer for AtOnce {
    fn close(&self, descriptor: OwnedFd) {
        drop(descriptor);
    }
}

/// Adds what open connections have carried; returns `None` when one of them is not open any more.
fn sum(mut all: Carried, open: &[Arc<Socket>]) -> io::Result<Option<Carried>> {
    for socket in open {
        let Some(carried) = socket.carried()? else { return Ok(None) };
        all = all.plus(carried);
    }
    Ok(Some(all))
}

/// Books the ends that the kernel reports. Returns only after an error.
async fn read_ends(ends: AsyncFd<Arc<ClosedBy<AtOnce>>>, books: Arc<Books>) {
    let mut space = [0_u8; 2048];
    loop {
        let Ok(mut ready) = ends.readable().await else { return };
        match recv(ends.get_ref().as_fd(), &mut space[..], RecvFlags::empty()) {
            Ok((length, _)) => {
                let told = space.get(..length).and_then(Told::parse);
                let of_sandbox = told.and_then(|told| Some((lock(&books).remove(&told.cookie)?, told)));
                if let Some((account, told)) = of_sandbox {
                    account.end(&told);
                }
            }
            Err(Errno::AGAIN) => ready.clear_ready(),
            Err(Errno::INTR) => {}
            Err(error) => {
                // The kernel had more messages than it keeps, and we do not know which are missing.
                tracing::warn!(error = %error, "what connections of sandboxes carried is not known");
                let all = std::mem::take(&mut *lock(&books));
                for account in all.into_values() {
                    account.lose();
                }
                if error != Errno::NOBUFS {
                    return;
                }
            }
        }
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
    fn connect(meter: &Meter, account: &Arc<Account>, server: &TcpListener) -> (TcpStream, TcpStream) {
        let address = server.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        meter.count(account, client.as_fd(), family, address);
        (client, server.accept().unwrap().0)
    }

    fn send(from: &mut TcpStream, to: &mut TcpStream, length: usize) {
        from.write_all(&vec![7; length]).unwrap();
        to.read_exact(&mut vec![0; length]).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_connections_carry_is_counted_while_they_are_open_and_when_they_have_ended() {
        let meter = Meter::start().unwrap();
        let (account, other) = (Arc::<Account>::default(), Arc::<Account>::default());
        assert_eq!(account.carried().await, Some(Carried::default()));
        let mut expected = Carried::default();
        for server in ["127.0.0.1:0", "[::1]:0"] {
            let server = TcpListener::bind(server).unwrap();
            let (mut client, mut peer) = connect(&meter, &account, &server);
            send(&mut client, &mut peer, 100_000);
            send(&mut peer, &mut client, 333);
            expected = expected.plus(Carried { sent: 100_000, received: 333 });
            assert_eq!(account.carried().await, Some(expected));
            drop(client);
            assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0, "the peer hears the end");
            drop(peer);
            let carried = account.carried().await.unwrap();
            // The end of the peer's stream may have arrived before the socket's own end.
            assert_eq!(carried.sent, expected.sent);
            assert!(carried.received - expected.received <= 1, "{carried:?}");
            expected = carried;
        }
        assert_eq!(other.carried().await, Some(Carried::default()));
        assert!(lock(&meter.books).len() <= 2);
        meter.close(&account);
        assert!(lock(&meter.books).is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_lost_is_not_made_up() {
        let meter = Meter::start().unwrap();
        let account = Arc::<Account>::default();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let _open = connect(&meter, &account, &server);
        account.lose();
        assert_eq!(account.carried().await, None);
    }
}
