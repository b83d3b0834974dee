//! Handles the calls of one sandbox: it responds to each at once, or after waiting for a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::sockopt::{self, Timeout};
use tokio::io::Interest;
use workers_domain::NetworkDenial;
use workers_engine_sys::syscall_number;

use super::connect_request::{Address, ConnectRequest, SocketKind};
use super::connections::SandboxConnections;
use super::dns::{self, NameServer};
use super::egress_policy::EgressPolicy;
use super::outside::{self, errno_of};
use super::pending_call::PendingCall;
use super::traffic::TrafficCounter;
use super::{inside, linger};
use crate::sandbox_io::{OnSandboxThread, SandboxFd, SandboxIo, Watched};

/// The most connections that a sandbox may wait for at a time. Each of its threads waits for one at most.
const MOST_WAITED_FOR: usize = 64;

/// How often we check that the caller is still blocked in `connect`.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The pause between two attempts to connect to a local server whose queue is full, at first and at most. The kernel
/// sends no event when the queue of another socket has room.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);
const MOST_QUEUE_PAUSE: Duration = Duration::from_millis(50);

/// Handles the calls of one sandbox.
pub(super) struct CallHandler {
    /// Set by the first call.
    pub(super) was_used: Arc<AtomicBool>,
    pub(super) policy: Arc<EgressPolicy>,
    pub(super) io: SandboxIo,
    pub(super) name_server: NameServer,
    /// The sockets of the host's network that were installed in the sandbox.
    pub(super) connections: SandboxConnections,
    /// Counts the bytes of these connections; `None` where the engine does not count them.
    pub(super) traffic: Option<Arc<TrafficCounter>>,
}

/// How far a call has been handled.
enum Progress {
    /// Its result is known.
    Done(Result<(), Errno>),
    /// It has to wait.
    Pending(PendingConnect),
}

/// A `connect` call whose result is known only later.
pub(super) enum PendingConnect {
    /// The connection of a socket of the host's network.
    Outside(ConnectRequest, SandboxFd),
    /// The connection of the sandbox's own socket.
    Inside(ConnectRequest),
    /// The start of the name server; then the sandbox's own socket is connected.
    NameServer(ConnectRequest),
}

impl CallHandler {
    /// Returns the threads on which calls are handled.
    pub(super) const fn io(&self) -> &SandboxIo {
        &self.io
    }

    /// Handles a call and responds to it, or returns the connection that it has to wait for. `waiting` is the number of
    /// calls that wait already.
    pub(super) fn handle(&self, call: &PendingCall, waiting: usize, on: &OnSandboxThread) -> Option<PendingConnect> {
        self.was_used.store(true, Ordering::Release);
        let progress = if Some(call.notification.call) == syscall_number("setsockopt") {
            Ok(Progress::Done(linger::set(call, &self.io, on)))
        } else {
            ConnectRequest::read(call.clone(), self.policy.host().namespace, &self.io, on)
                .and_then(|request| self.connect(request, waiting, on))
        };
        match progress.unwrap_or_else(|error| Progress::Done(Err(error))) {
            Progress::Pending(connect) => Some(connect),
            Progress::Done(result) => {
                call.respond(result);
                None
            }
        }
    }

    fn connect(&self, request: ConnectRequest, waiting: usize, on: &OnSandboxThread) -> Result<Progress, Errno> {
        match request.kind {
            SocketKind::Tcp(family) => self.connect_tcp(request, family, waiting, on),
            SocketKind::Udp => self.connect_udp(request, waiting, on),
            SocketKind::Unix => self.connect_inside(request, waiting, on),
            SocketKind::Other => {
                self.policy.count_denial(NetworkDenial::Protocol);
                Err(Errno::ACCESS)
            }
        }
    }

    fn connect_tcp(
        &self,
        request: ConnectRequest,
        family: AddressFamily,
        waiting: usize,
        on: &OnSandboxThread,
    ) -> Result<Progress, Errno> {
        let address = match &request.address {
            Address::Internet(address) => *address,
            Address::Unspecified if !request.is_outside => return self.connect_inside(request, waiting, on),
            // A socket of the host's network keeps its one peer.
            Address::Unspecified => return Err(Errno::OPNOTSUPP),
            Address::Unix(_) | Address::Unknown => return Err(Errno::AFNOSUPPORT),
        };
        if request.is_outside {
            outside::check_reconnect(request.socket.get(on))?;
        }
        if is_inside(address) {
            return self.connect_inside(request, waiting, on);
        }
        let limited = |error| {
            self.policy.count_denial(NetworkDenial::Limit);
            error
        };
        if request.is_blocking && waiting >= MOST_WAITED_FOR {
            return Err(limited(Errno::NOBUFS));
        }
        // Before the policy is checked, because that counts the connection as one that is made.
        let permit = self.connections.acquire(&self.policy.host().connection_limit).map_err(limited)?;
        self.policy.check_connection(address).map_err(|_| Errno::ACCESS)?;
        let (socket, begun) = outside::begin(request.socket.get(on), family, address, on)?;
        let socket = SandboxFd::new(&self.io, socket);
        self.connections.add(permit, socket.get(on), family, address);
        if let (Some(meter), Some(traffic)) = (&self.policy.host().meter, &self.traffic) {
            meter.count(traffic, socket.get(on), family, address);
        }
        if begun.is_err() && request.is_blocking {
            return Ok(Progress::Pending(PendingConnect::Outside(request, socket)));
        }
        // A non-blocking socket is installed while it is still being connected, so that no event loop stands still.
        install(&request, &socket, on)?;
        Ok(Progress::Done(begun))
    }

    fn connect_udp(&self, request: ConnectRequest, waiting: usize, on: &OnSandboxThread) -> Result<Progress, Errno> {
        match &request.address {
            // The C library connects such a socket not to send, but to find out its local address for this destination,
            // and sorts addresses by that. A sandbox has no route to the outside.
            Address::Internet(address) if !is_inside(*address) && address.port() == 0 => Err(Errno::NETUNREACH),
            Address::Internet(address) if !is_inside(*address) => {
                self.policy.count_denial(NetworkDenial::Protocol);
                Err(Errno::ACCESS)
            }
            _ => self.connect_inside(request, waiting, on),
        }
    }

    fn connect_inside(&self, request: ConnectRequest, waiting: usize, on: &OnSandboxThread) -> Result<Progress, Errno> {
        if request.is_outside {
            // The socket's own network is the host's.
            return Err(Errno::CONNABORTED);
        }
        let is_full = waiting >= MOST_WAITED_FOR;
        if request.address == Address::Internet(dns::ADDRESS) && !self.name_server.is_running() {
            return if is_full {
                Err(Errno::NOBUFS)
            } else {
                Ok(Progress::Pending(PendingConnect::NameServer(request)))
            };
        }
        match inside::begin(&request, on) {
            Err(Errno::INPROGRESS | Errno::AGAIN) if request.is_blocking && is_full => {
                // The sandbox has made the socket blocking; `inside::begin` has changed that.
                inside::end(&request, on)?;
                Err(Errno::NOBUFS)
            }
            Err(Errno::INPROGRESS | Errno::AGAIN) if request.is_blocking => {
                Ok(Progress::Pending(PendingConnect::Inside(request)))
            }
            begun => Ok(Progress::Done(begun)),
        }
    }
}

impl PendingConnect {
    /// Waits until the result is known, then responds.
    pub(super) async fn complete(self, handler: Arc<CallHandler>) {
        let (request, result) = match self {
            Self::Outside(request, socket) => {
                let request = Arc::new(request);
                let result = wait_outside(&request, &socket).await;
                (request, result)
            }
            Self::Inside(request) => {
                let request = Arc::new(request);
                let result = wait_inside(&request).await;
                (request, result)
            }
            Self::NameServer(request) => {
                let request = Arc::new(request);
                let result = match handler.name_server.start(&handler.policy, &handler.io).await {
                    Ok(()) => match begin_inside(&request).await {
                        Err(Errno::INPROGRESS) if request.is_blocking => wait_inside(&request).await,
                        begun => begun,
                    },
                    Err(error) => {
                        tracing::warn!(error = %error, "a sandbox cannot look up names");
                        Err(Errno::CONNREFUSED)
                    }
                };
                (request, result)
            }
        };
        // On a thread of the sandbox, because `request` holds a descriptor of the sandbox's and is dropped there.
        let respond = move |_: &OnSandboxThread| request.call.respond(result);
        // Fails when the sandbox keeps its threads busy.
        drop(handler.io.begin(respond));
    }
}

async fn wait_outside(request: &Arc<ConnectRequest>, socket: &SandboxFd) -> Result<(), Errno> {
    let send_timeout = on_thread(socket, |socket, on| sockopt::socket_timeout(socket.get(on), Timeout::Send)).await;
    let connected = connected(request, socket);
    let waited = match send_timeout.ok().flatten() {
        // The kernel also returns `INPROGRESS` when a blocking `connect` times out, and goes on connecting.
        Some(send_timeout) => tokio::time::timeout(send_timeout, connected).await.unwrap_or(Err(Errno::INPROGRESS)),
        None => connected.await,
    };
    match waited {
        Ok(()) | Err(Errno::INPROGRESS) => {
            let request = Arc::clone(request);
            on_thread(socket, move |socket, on| install(&request, socket, on)).await.and(waited)
        }
        // The sandbox keeps its own socket, with which it can try again.
        failed => failed,
    }
}

/// Runs work with a socket on a thread of its sandbox.
async fn on_thread<T: Send + 'static>(
    socket: &SandboxFd,
    work: impl FnOnce(&SandboxFd, &OnSandboxThread) -> Result<T, Errno> + Send + 'static,
) -> Result<T, Errno> {
    let shared = socket.clone();
    // The error when the sandbox keeps its threads busy.
    socket.io().run(move |on| work(&shared, on)).await.unwrap_or(Err(Errno::AGAIN))
}

/// Installs a socket under the number of the socket that was to be connected.
fn install(request: &ConnectRequest, socket: &SandboxFd, on: &OnSandboxThread) -> Result<(), Errno> {
    // Ours was made non-blocking, and the sandbox expects the mode of its own socket.
    rustix::io::ioctl_fionbio(socket.get(on), !request.is_blocking)?;
    let (call, closed_at_exec) = (&request.call, request.is_closed_at_exec(on));
    let (notify, id) = (call.notify_fd(), call.notification.id);
    notify.install(id, socket.get(on), request.number, closed_at_exec).map_err(|error| errno_of(&error))
}

async fn begin_inside(request: &Arc<ConnectRequest>) -> Result<(), Errno> {
    let shared_request = Arc::clone(request);
    on_thread(&request.socket, move |_, on| inside::begin(&shared_request, on)).await
}

async fn wait_inside(request: &Arc<ConnectRequest>) -> Result<(), Errno> {
    if request.kind == SocketKind::Unix {
        let mut pause = QUEUE_PAUSE;
        while is_still_pending(request, &request.socket).await {
            match begin_inside(request).await {
                Err(Errno::AGAIN) => tokio::time::sleep(pause).await,
                begun => return begun,
            }
            pause = (pause * 2).min(MOST_QUEUE_PAUSE);
        }
        return Err(Errno::INTR);
    }
    let connected = connected(request, &request.socket).await;
    let shared_request = Arc::clone(request);
    on_thread(&request.socket, move |_, on| inside::end(&shared_request, on)).await.and(connected)
}

/// Waits until a socket is connected, or fails to connect, or the calling thread no longer waits.
async fn connected(request: &Arc<ConnectRequest>, socket: &SandboxFd) -> Result<(), Errno> {
    let watched = Watched::new(socket.clone(), Interest::WRITABLE).map_err(|error| errno_of(&error))?;
    loop {
        match tokio::time::timeout(CHECK_INTERVAL, watched.writable()).await {
            Ok(writable) => {
                writable.map_err(|error| errno_of(&error))?;
                return on_thread(socket, |socket, on| sockopt::socket_error(socket.get(on))).await?;
            }
            Err(_) if is_still_pending(request, socket).await => {}
            Err(_) => return Err(Errno::INTR),
        }
    }
}

/// Returns whether the calling thread still waits for the response.
async fn is_still_pending(request: &Arc<ConnectRequest>, socket: &SandboxFd) -> bool {
    let request = Arc::clone(request);
    on_thread(socket, move |_, _| Ok(request.call.is_pending())).await.unwrap_or(false)
}

/// Returns whether an address is one of the sandbox's own. The unspecified address stands for the loopback.
fn is_inside(address: std::net::SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}
