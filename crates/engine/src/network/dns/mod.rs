//! The name server of a sandbox. It runs in the sandbox's own network, and queries the host's resolvers for names that
//! the policy permits.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod message;
mod resolvers;
mod serve;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use rustix::net::{bind, listen};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::egress_policy::EgressPolicy;
use crate::sandbox_io::SandboxIo;

/// The address of the name server in a sandbox; `etc/resolv.conf` names it.
pub(super) const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), 53);

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 16;

/// Makes sockets in the network of a sandbox.
#[async_trait]
pub(crate) trait NameSockets: Send + Sync {
    /// Makes two non-blocking sockets: one for datagrams, one for connections.
    async fn make(&self) -> io::Result<[OwnedFd; 2]>;
}

/// The name server of a sandbox. It starts with the first query, and ends when it is dropped.
pub(super) struct NameServer {
    sandbox: Weak<dyn NameSockets>,
    /// The tasks that respond to queries.
    tasks: OnceCell<JoinSet<()>>,
}

impl NameServer {
    /// Makes one for this sandbox.
    pub(super) fn new(sandbox: Weak<dyn NameSockets>) -> Self {
        Self { sandbox, tasks: OnceCell::new() }
    }

    /// Returns whether it runs.
    pub(super) fn is_running(&self) -> bool {
        self.tasks.initialized()
    }

    /// Starts it, unless it runs already.
    ///
    /// # Errors
    ///
    /// When there are no sockets, or they cannot be used.
    pub(super) async fn start(&self, policy: &Arc<EgressPolicy>, io: &SandboxIo) -> io::Result<()> {
        // After an error the cell stays empty, so that the next query tries again.
        let begun = self.tasks.get_or_try_init(|| async {
            let sandbox = self.sandbox.upgrade().ok_or_else(|| io::Error::other("the sandbox is gone"))?;
            bind_and_serve(sandbox.make().await?, policy, io).await
        });
        begun.await.map(drop)
    }
}

/// Binds the sockets and starts the tasks. It binds in this process: the sandbox itself has no right to use so low a
/// port, and this process owns its namespaces.
async fn bind_and_serve(sockets: [OwnedFd; 2], policy: &Arc<EgressPolicy>, io: &SandboxIo) -> io::Result<JoinSet<()>> {
    // The init has made them and kept no duplicate, so from here on only the server has them: they are in the sandbox's
    // network, and no process of the sandbox can change how they work.
    let bound = io.run(move |_| {
        let [datagrams, connections] = &sockets;
        bind(datagrams, &ADDRESS)?;
        bind(connections, &ADDRESS)?;
        listen(connections, BACKLOG)?;
        Ok::<_, io::Error>(sockets)
    });
    let [datagrams, connections] = bound.await.flatten()?;
    #[expect(clippy::disallowed_methods, reason = "only the server has these sockets")]
    let (datagrams, connections) = (UdpSocket::from_std(datagrams.into())?, TcpListener::from_std(connections.into())?);
    let mut tasks = JoinSet::new();
    let limit = serve::QueryLimit::new();
    tasks.spawn(serve::datagrams(datagrams, Arc::clone(policy), limit.clone()));
    tasks.spawn(serve::connections(connections, Arc::clone(policy), limit));
    Ok(tasks)
}
