//! Limits how many connections to the outside are open, per sandbox and in total.
//!
//! Their buffers lie in memory that the kernel counts for the whole host (`tcp_mem`). So the size of each connection's
//! buffers is limited when it is made, and the number of connections by the memory of the host. Nothing reports to us
//! that a sandbox has closed a connection. So when there is no room for another one, we query the kernel which of them
//! still exist.

use std::fs;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;
use rustix::net::AddressFamily;

use super::socket_diag::SocketQuery;

/// The most connections of one sandbox at one time.
const MOST_OF_ONE: usize = 256;

/// The most memory of one connection, both directions together, as the kernel counts it, in pages of 4 KiB.
const PAGES: usize = 256;

/// The fraction (1/16) of a host's memory that TCP may use before it is under pressure; we assume it where the kernel
/// does not report it.
const SHARE: u64 = 16;

/// The least number of connections of all sandboxes together, on however small a host.
const LEAST: usize = 64;

/// Limits the connections of all sandboxes together.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    open: Arc<AtomicUsize>,
    most: usize,
}

impl ConnectionLimit {
    /// Sets the limit: as many as fit into half of the memory that TCP may use before it is under pressure.
    pub(super) fn new() -> Self {
        let text = fs::read_to_string("/proc/sys/net/ipv4/tcp_mem").unwrap_or_default();
        let reported: Option<u64> = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok());
        // The file exists only in the initial network namespace.
        let pressure = reported.unwrap_or_else(|| {
            let system = rustix::system::sysinfo();
            system.totalram.saturating_mul(u64::from(system.mem_unit)) / 4096 / SHARE
        });
        let most = usize::try_from(pressure).unwrap_or(usize::MAX) / 2 / PAGES;
        Self { open: Arc::default(), most: most.max(LEAST) }
    }

    fn try_acquire(&self) -> Option<ConnectionPermit> {
        let acquired =
            self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| (open < self.most).then_some(open + 1));
        acquired.ok().map(|_| ConnectionPermit(Arc::clone(&self.open)))
    }
}

/// The permit for one connection. The connection counts until this is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit(Arc<AtomicUsize>);

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The connections of one sandbox.
#[derive(Debug, Default)]
pub(super) struct SandboxConnections(Mutex<Vec<(SocketQuery, ConnectionPermit)>>);

impl SandboxConnections {
    /// Returns a permit for another connection.
    ///
    /// # Errors
    ///
    /// `NOBUFS` when this sandbox, or all sandboxes together, have as many as they may.
    pub(super) fn acquire(&self, all: &ConnectionLimit) -> Result<ConnectionPermit, Errno> {
        // On a small host one sandbox must leave room for others.
        let most = MOST_OF_ONE.min((all.most / 4).max(1));
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a query as long as there is room: it takes system calls for each connection.
        if open.len() < most
            && let Some(permit) = all.try_acquire()
        {
            return Ok(permit);
        }
        open.retain(|(query, _)| query.exists());
        let permit = if open.len() < most { all.try_acquire() } else { None };
        permit.ok_or(Errno::NOBUFS)
    }

    /// Adds a socket that is being connected, with its permit.
    pub(super) fn add(
        &self,
        permit: ConnectionPermit,
        socket: BorrowedFd<'_>,
        family: AddressFamily,
        peer: SocketAddr,
    ) {
        // A socket that cannot be queried counts until its sandbox ends.
        let query = SocketQuery::new(socket, family, peer).unwrap_or_default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((query, permit));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use rustix::net::sockopt;

    use super::*;

    fn all(most: usize) -> ConnectionLimit {
        ConnectionLimit { open: Arc::default(), most }
    }

    fn connect(
        connections: &SandboxConnections,
        permit: ConnectionPermit,
        server: &TcpListener,
    ) -> (TcpStream, TcpStream) {
        let address = server.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        connections.add(permit, client.as_fd(), family, address);
        (client, server.accept().unwrap().0)
    }

    #[test]
    fn a_permit_is_free_again_when_the_connection_is_gone() {
        for server in ["127.0.0.1:0", "[::1]:0"] {
            let (server, connections, all) =
                (TcpListener::bind(server).unwrap(), SandboxConnections::default(), all(4));
            let (client, accepted) = connect(&connections, connections.acquire(&all).unwrap(), &server);
            assert_eq!(connections.acquire(&all).unwrap_err(), Errno::NOBUFS, "a quarter of 4 is 1");
            // Reset, so that the kernel keeps nothing of the connection.
            sockopt::set_socket_linger(&client, Some(std::time::Duration::ZERO)).unwrap();
            drop(client);
            drop(accepted);
            connections.acquire(&all).unwrap();
        }
    }

    #[test]
    fn all_sandboxes_together_have_as_many_as_the_host_can_hold() {
        let (one, other, all) = (SandboxConnections::default(), SandboxConnections::default(), all(2));
        let (first, second) = (one.acquire(&all).unwrap(), other.acquire(&all).unwrap());
        assert_eq!(SandboxConnections::default().acquire(&all).unwrap_err(), Errno::NOBUFS);
        drop(first);
        SandboxConnections::default().acquire(&all).unwrap();
        drop(second);
    }

    #[test]
    fn a_small_host_still_connects() {
        assert!(ConnectionLimit::new().most >= LEAST);
    }
}
