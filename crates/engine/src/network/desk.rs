//! Answers the questions of one sandbox: each at once, or after it has waited for a connection.

use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::sockopt::{self, Timeout};
use tokio::io::Interest;
use workers_domain::NetworkDenial;
use workers_engine_sys::syscall_number;

use super::asked::{Address, Asked, Kind};
use super::dns::{self, NameService};
use super::judge::Judge;
use super::meter::Account;
use super::open::Connections;
use super::outside::{self, Since, errno_of};
use super::question::Question;
use super::{inside, linger};
use crate::sandbox_io::{OnSandboxThread, SandboxFd, SandboxIo, Watched};

/// The most connections that a sandbox may wait for at a time. Each of its threads waits for one at most.
const MOST_WAITED_FOR: usize = 64;

/// How often we check that the caller is still blocked in `connect`.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The pause between two attempts to connect to a local server whose queue is full, at first and at most. The kernel
/// sends no event when the queue of another socket has room.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);
const MOST_QUEUE_PAUSE: Duration = Duration::from_millis(50);

/// The state with which a sandbox's questions are answered.
pub(super) struct Desk {
    pub(super) judge: Arc<Judge>,
    pub(super) io: SandboxIo,
    pub(super) names: NameService,
    /// The sockets of the host's network that were installed in the sandbox.
    pub(super) connections: Connections,
    /// Counts what these carry, where that is counted.
    pub(super) account: Option<Arc<Account>>,
}

/// The result of handling a question.
enum Step {
    /// It is answered now, with this.
    Answer(Result<(), Errno>),
    /// It is answered later.
    Wait(Wait),
}

/// A `connect` that cannot be answered at once.
pub(super) enum Wait {
    /// The connection of a socket of the host's network.
    Outside(Asked, SandboxFd),
    /// The connection of the sandbox's own socket.
    Inside(Asked),
    /// The start of the name server; then the sandbox's own socket is connected.
    Names(Asked),
}

impl Desk {
    /// Returns the threads on which questions are answered.
    pub(super) const fn io(&self) -> &SandboxIo {
        &self.io
    }

    /// Answers a question, or returns what it has to wait for. `waiting` is the number of questions that wait already.
    pub(super) fn deal_with(&self, question: &Question, waiting: usize, on: &OnSandboxThread) -> Option<Wait> {
        let step = if Some(question.notification.call) == syscall_number("setsockopt") {
            Ok(Step::Answer(linger::set(question, &self.io, on)))
        } else {
            Asked::look(question.clone(), self.judge.uplink().namespace, &self.io, on)
                .and_then(|asked| self.connect(asked, waiting, on))
        };
        match step.unwrap_or_else(|error| Step::Answer(Err(error))) {
            Step::Wait(wait) => Some(wait),
            Step::Answer(result) => {
                question.answer(result);
                None
            }
        }
    }

    fn connect(&self, asked: Asked, waiting: usize, on: &OnSandboxThread) -> Result<Step, Errno> {
        match asked.kind {
            Kind::Tcp(family) => self.connect_tcp(asked, family, waiting, on),
            Kind::Udp => self.connect_udp(asked, waiting, on),
            Kind::Unix => self.connect_inside(asked, waiting, on),
            Kind::Other => {
                self.judge.denied(NetworkDenial::Protocol);
                Err(Errno::ACCESS)
            }
        }
    }

    fn connect_tcp(
        &self,
        asked: Asked,
        family: AddressFamily,
        waiting: usize,
        on: &OnSandboxThread,
    ) -> Result<Step, Errno> {
        let address = match &asked.address {
            Address::Internet(address) => *address,
            Address::Nobody if !asked.is_outside => return self.connect_inside(asked, waiting, on),
            Address::Nobody => return Err(Errno::OPNOTSUPP),
            Address::Unix(_) | Address::Unknown => return Err(Errno::AFNOSUPPORT),
        };
        if asked.is_outside
            && let Since::Answer(error) = outside::since(asked.socket.get(on))
        {
            return Err(error);
        }
        if is_inside(address) {
            return self.connect_inside(asked, waiting, on);
        }
        let limited = |error| {
            self.judge.denied(NetworkDenial::Limit);
            error
        };
        if asked.is_blocking && waiting >= MOST_WAITED_FOR {
            return Err(limited(Errno::NOBUFS));
        }
        let place = self.connections.place(&self.judge.uplink().connections).map_err(limited)?;
        self.judge.connection(address).map_err(|_| Errno::ACCESS)?;
        let (socket, begun) = outside::begin(asked.socket.get(on), family, address, on)?;
        let socket = SandboxFd::new(&self.io, socket);
        self.connections.add(place, socket.get(on), family, address);
        if let (Some(meter), Some(account)) = (&self.judge.uplink().meter, &self.account) {
            meter.count(account, socket.get(on), family, address);
        }
        if begun.is_err() && asked.is_blocking {
            return Ok(Step::Wait(Wait::Outside(asked, socket)));
        }
        put_in_place(&asked, &socket, on)?;
        Ok(Step::Answer(begun))
    }

    fn connect_udp(&self, asked: Asked, waiting: usize, on: &OnSandboxThread) -> Result<Step, Errno> {
        match &asked.address {
            // The C library connects such a socket not to send, but to find out its local address for this destination,
            // and sorts addresses by that. A sandbox has no route to the outside.
            Address::Internet(address) if !is_inside(*address) && address.port() == 0 => Err(Errno::NETUNREACH),
            Address::Internet(address) if !is_inside(*address) => {
                self.judge.denied(NetworkDenial::Protocol);
                Err(Errno::ACCESS)
            }
            _ => self.connect_inside(asked, waiting, on),
        }
    }

    fn connect_inside(&self, asked: Asked, waiting: usize, on: &OnSandboxThread) -> Result<Step, Errno> {
        if asked.is_outside {
            // Its own network is the host's.
            return Err(Errno::CONNABORTED);
        }
        let is_full = waiting >= MOST_WAITED_FOR;
        if asked.address == Address::Internet(dns::ADDRESS) && !self.names.is_there() {
            return if is_full { Err(Errno::NOBUFS) } else { Ok(Step::Wait(Wait::Names(asked))) };
        }
        match inside::begin(&asked, on) {
            Err(Errno::INPROGRESS | Errno::AGAIN) if asked.is_blocking && is_full => {
                inside::end(&asked, on)?;
                Err(Errno::NOBUFS)
            }
            Err(Errno::INPROGRESS | Errno::AGAIN) if asked.is_blocking => Ok(Step::Wait(Wait::Inside(asked))),
            begun => Ok(Step::Answer(begun)),
        }
    }
}

impl Wait {
    /// Waits, then answers.
    pub(super) async fn finish(self, desk: Arc<Desk>) {
        let (asked, result) = match self {
            Self::Outside(asked, socket) => {
                let asked = Arc::new(asked);
                let result = wait_outside(&asked, &socket).await;
                (asked, result)
            }
            Self::Inside(asked) => {
                let asked = Arc::new(asked);
                let result = wait_inside(&asked).await;
                (asked, result)
            }
            Self::Names(asked) => {
                let asked = Arc::new(asked);
                let result = match desk.names.serve(&desk.judge, &desk.io).await {
                    Ok(()) => match begin_inside(&asked).await {
                        Err(Errno::INPROGRESS) if asked.is_blocking => wait_inside(&asked).await,
                        begun => begun,
                    },
                    Err(error) => {
                        tracing::warn!(error = %error, "a sandbox cannot look up names");
                        Err(Errno::CONNREFUSED)
                    }
                };
                (asked, result)
            }
        };
        // On a thread of the sandbox, because `asked` holds a descriptor of the sandbox's and is dropped there.
        let answer = move |_: &OnSandboxThread| asked.question.answer(result);
        // Fails when the sandbox keeps its threads busy.
        drop(desk.io.begin(answer));
    }
}

async fn wait_outside(asked: &Arc<Asked>, socket: &SandboxFd) -> Result<(), Errno> {
    let patience = on_thread(socket, |socket, on| sockopt::socket_timeout(socket.get(on), Timeout::Send)).await;
    let connected = connected(asked, socket);
    let waited = match patience.ok().flatten() {
        // The kernel also returns `INPROGRESS` when a blocking `connect` times out, and goes on connecting.
        Some(patience) => tokio::time::timeout(patience, connected).await.unwrap_or(Err(Errno::INPROGRESS)),
        None => connected.await,
    };
    match waited {
        Ok(()) | Err(Errno::INPROGRESS) => {
            let asked = Arc::clone(asked);
            on_thread(socket, move |socket, on| put_in_place(&asked, socket, on)).await.and(waited)
        }
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
fn put_in_place(asked: &Asked, socket: &SandboxFd, on: &OnSandboxThread) -> Result<(), Errno> {
    rustix::io::ioctl_fionbio(socket.get(on), !asked.is_blocking)?;
    let (question, closed_at_exec) = (&asked.question, asked.is_closed_at_exec(on));
    let (listener, id) = (question.listener(), question.notification.id);
    listener.install(id, socket.get(on), asked.number, closed_at_exec).map_err(|error| errno_of(&error))
}

async fn begin_inside(asked: &Arc<Asked>) -> Result<(), Errno> {
    let asked_there = Arc::clone(asked);
    on_thread(&asked.socket, move |_, on| inside::begin(&asked_there, on)).await
}

async fn wait_inside(asked: &Arc<Asked>) -> Result<(), Errno> {
    if asked.kind == Kind::Unix {
        let mut pause = QUEUE_PAUSE;
        while still_waits(asked, &asked.socket).await {
            match begin_inside(asked).await {
                Err(Errno::AGAIN) => tokio::time::sleep(pause).await,
                begun => return begun,
            }
            pause = (pause * 2).min(MOST_QUEUE_PAUSE);
        }
        return Err(Errno::INTR);
    }
    let connected = connected(asked, &asked.socket).await;
    let asked_there = Arc::clone(asked);
    on_thread(&asked.socket, move |_, on| inside::end(&asked_there, on)).await.and(connected)
}

/// Waits until a socket is connected, or fails to connect, or the calling thread no longer waits.
async fn connected(asked: &Arc<Asked>, socket: &SandboxFd) -> Result<(), Errno> {
    let watched = Watched::new(socket.clone(), Interest::WRITABLE).map_err(|error| errno_of(&error))?;
    loop {
        match tokio::time::timeout(LOOK_INTERVAL, watched.writable()).await {
            Ok(writable) => {
                writable.map_err(|error| errno_of(&error))?;
                return on_thread(socket, |socket, on| sockopt::socket_error(socket.get(on))).await?;
            }
            Err(_) if still_waits(asked, socket).await => {}
            Err(_) => return Err(Errno::INTR),
        }
    }
}

/// Returns whether the calling thread still waits for the response.
async fn still_waits(asked: &Arc<Asked>, socket: &SandboxFd) -> bool {
    let asked = Arc::clone(asked);
    on_thread(socket, move |_, _| Ok(asked.question.is_open())).await.unwrap_or(false)
}

/// Returns whether an address is one of the sandbox's own. The unspecified address stands for the loopback.
fn is_inside(address: std::net::SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}
