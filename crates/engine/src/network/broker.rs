//! The broker of one sandbox: answers its questions, one at a time.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::sockopt::{self, Timeout};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use workers_domain::{NetworkDenial, NetworkPolicy};

use super::asked::{Address, Asked, Kind};
use super::dns::{self, NameService, NameSockets};
use super::hearing::Question;
use super::judge::Judge;
use super::outside::{self, Since, errno_of};
use super::pace::Pace;
use super::{Shared, inside};

/// Connections to the outside that a sandbox may make in its life: as many as one of its processes may have open.
const MOST_CONNECTIONS: u32 = 4096;

/// Connections that a sandbox may be waiting for. Each thread of it waits for one at most.
const MOST_WAITED_FOR: usize = 64;

/// How often it is looked whether somebody still waits for a connection.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Between two attempts to reach a local server whose queue is full.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// Questions that may wait in the line of a sandbox.
const LINE: usize = 256;

/// The broker of one sandbox. Before there is one, and when it is dropped, nothing in the sandbox can connect to anything.
#[derive(Debug)]
pub(crate) struct Broker {
    judge: Arc<Judge>,
    shared: Arc<Shared>,
    sandbox: String,
}

impl Broker {
    /// Answers what a sandbox asks from now on. Nothing is done until it does.
    pub(crate) fn start(
        sandbox: String,
        sockets: Weak<dyn NameSockets>,
        policy: NetworkPolicy,
        shared: &Arc<Shared>,
    ) -> Self {
        let judge = Arc::new(Judge::new(policy, Arc::clone(shared)));
        let desk = Desk { judge: Arc::clone(&judge), names: NameService::new(sockets), connections: AtomicU32::new(0) };
        shared.open_line(sandbox.clone(), Line { desk: Arc::new(desk), served: None });
        Self { judge, shared: Arc::clone(shared), sandbox }
    }

    /// Answers by another policy from now on. Connections that were made stay.
    pub(crate) fn change_policy(&self, policy: NetworkPolicy) {
        self.judge.change(policy);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.shared.close_line(&self.sandbox);
    }
}

/// Where a sandbox's questions wait.
pub(super) struct Line {
    desk: Arc<Desk>,
    served: Option<Served>,
}

/// A line that somebody has stood in.
struct Served {
    questions: mpsc::Sender<Question>,
    task: AbortHandle,
}

impl Line {
    /// Where to put a question.
    pub(super) fn sender(&mut self) -> mpsc::Sender<Question> {
        let served = self.served.get_or_insert_with(|| {
            let (questions, waiting) = mpsc::channel(LINE);
            Served { questions, task: tokio::spawn(serve(Arc::clone(&self.desk), waiting)).abort_handle() }
        });
        served.questions.clone()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one question after the other.
async fn serve(desk: Arc<Desk>, mut questions: mpsc::Receiver<Question>) {
    let mut pace = Pace::new();
    let mut waits = JoinSet::new();
    while let Some(question) = questions.recv().await {
        while waits.try_join_next().is_some() {}
        if let Some(wait) = desk.deal_with(&question, waits.len()) {
            waits.spawn(wait.finish(Arc::clone(&desk)));
        }
        pace.next().await;
    }
}

/// Where questions are answered.
struct Desk {
    judge: Arc<Judge>,
    names: NameService,
    /// How many sockets of the host's network were put into the sandbox.
    connections: AtomicU32,
}

/// What becomes of a question.
enum Step {
    /// It is answered with this.
    Answer(Result<(), Errno>),
    /// It is answered later.
    Wait(Wait),
}

/// What whoever asks waits for.
enum Wait {
    /// The connection of a socket of the host's network.
    Outside(Asked, OwnedFd),
    /// The connection of the sandbox's own socket.
    Inside(Asked),
    /// Somebody who tells names; then the sandbox's own socket is connected.
    Names(Asked),
}

impl Desk {
    /// Answers a question, unless that has to wait.
    fn deal_with(&self, question: &Question, waiting: usize) -> Option<Wait> {
        let step =
            Asked::look(question.clone(), self.judge.shared().namespace).and_then(|asked| self.connect(asked, waiting));
        match step.unwrap_or_else(|error| Step::Answer(Err(error))) {
            Step::Wait(wait) => Some(wait),
            Step::Answer(result) => {
                question.answer(result);
                None
            }
        }
    }

    fn connect(&self, asked: Asked, waiting: usize) -> Result<Step, Errno> {
        match asked.kind {
            Kind::Tcp(family) => self.connect_tcp(asked, family, waiting),
            Kind::Udp => self.connect_udp(asked, waiting),
            Kind::Unix => self.connect_inside(asked, waiting),
            Kind::Other => {
                self.judge.denied(NetworkDenial::Protocol);
                Err(Errno::ACCESS)
            }
        }
    }

    fn connect_tcp(&self, asked: Asked, family: AddressFamily, waiting: usize) -> Result<Step, Errno> {
        let address = match &asked.address {
            Address::Internet(address) => *address,
            Address::Nobody if !asked.is_outside => return self.connect_inside(asked, waiting),
            Address::Nobody => return Err(Errno::OPNOTSUPP),
            Address::Unix(_) | Address::Unknown => return Err(Errno::AFNOSUPPORT),
        };
        if asked.is_outside
            && let Since::Answer(error) = outside::since(&asked.socket)
        {
            return Err(error);
        }
        if is_inside(address) {
            return self.connect_inside(asked, waiting);
        }
        let is_spent = self.connections.load(Ordering::Relaxed) >= MOST_CONNECTIONS;
        if is_spent || (asked.is_blocking && waiting >= MOST_WAITED_FOR) {
            self.judge.denied(NetworkDenial::Limit);
            return Err(Errno::NOBUFS);
        }
        self.judge.connection(address).map_err(|_| Errno::ACCESS)?;
        let (socket, begun) = outside::begin(&asked.socket, family, address)?;
        self.connections.fetch_add(1, Ordering::Relaxed);
        if begun.is_err() && asked.is_blocking {
            return Ok(Step::Wait(Wait::Outside(asked, socket)));
        }
        put_in_place(&asked, &socket)?;
        Ok(Step::Answer(begun))
    }

    fn connect_udp(&self, asked: Asked, waiting: usize) -> Result<Step, Errno> {
        match &asked.address {
            // Not to send anything, but to find out by which address of its own it would: the C library sorts addresses by that. There is
            // no way from here.
            Address::Internet(address) if !is_inside(*address) && address.port() == 0 => Err(Errno::NETUNREACH),
            Address::Internet(address) if !is_inside(*address) => {
                self.judge.denied(NetworkDenial::Protocol);
                Err(Errno::ACCESS)
            }
            _ => self.connect_inside(asked, waiting),
        }
    }

    fn connect_inside(&self, asked: Asked, waiting: usize) -> Result<Step, Errno> {
        if asked.is_outside {
            // Its own network is the host's.
            return Err(Errno::CONNABORTED);
        }
        let is_full = waiting >= MOST_WAITED_FOR;
        if asked.address == Address::Internet(dns::ADDRESS) && !self.names.is_there() {
            return if is_full { Err(Errno::NOBUFS) } else { Ok(Step::Wait(Wait::Names(asked))) };
        }
        match inside::begin(&asked) {
            Err(Errno::INPROGRESS | Errno::AGAIN) if asked.is_blocking && is_full => {
                inside::end(&asked)?;
                Err(Errno::NOBUFS)
            }
            Err(Errno::INPROGRESS | Errno::AGAIN) if asked.is_blocking => Ok(Step::Wait(Wait::Inside(asked))),
            begun => Ok(Step::Answer(begun)),
        }
    }
}

impl Wait {
    /// Waits, then answers.
    async fn finish(self, desk: Arc<Desk>) {
        let (asked, result) = match self {
            Self::Outside(asked, socket) => {
                let result = wait_outside(&asked, &socket).await;
                (asked, result)
            }
            Self::Inside(asked) => {
                let result = wait_inside(&asked).await;
                (asked, result)
            }
            Self::Names(asked) => {
                let result = match desk.names.serve(&desk.judge).await {
                    Ok(()) => match inside::begin(&asked) {
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
        asked.question.answer(result);
    }
}

async fn wait_outside(asked: &Asked, socket: &OwnedFd) -> Result<(), Errno> {
    let connected = connected(asked, socket);
    let waited = match sockopt::socket_timeout(socket, Timeout::Send).ok().flatten() {
        // As the kernel says it of one whose time is over and that goes on all the same.
        Some(patience) => tokio::time::timeout(patience, connected).await.unwrap_or(Err(Errno::INPROGRESS)),
        None => connected.await,
    };
    match waited {
        Ok(()) | Err(Errno::INPROGRESS) => put_in_place(asked, socket).and(waited),
        failed => failed,
    }
}

/// Puts a socket where the one that was to be connected is.
fn put_in_place(asked: &Asked, socket: &OwnedFd) -> Result<(), Errno> {
    rustix::io::ioctl_fionbio(socket, !asked.is_blocking)?;
    let (question, closed_at_exec) = (&asked.question, asked.is_closed_at_exec());
    let installed = question.listener().install(question.notification.id, socket.as_fd(), asked.number, closed_at_exec);
    installed.map_err(|error| errno_of(&error))
}

async fn wait_inside(asked: &Asked) -> Result<(), Errno> {
    if asked.kind == Kind::Unix {
        while asked.question.is_open() {
            match inside::begin(asked) {
                Err(Errno::AGAIN) => tokio::time::sleep(QUEUE_PAUSE).await,
                begun => return begun,
            }
        }
        return Err(Errno::INTR);
    }
    let connected = connected(asked, &asked.socket).await;
    inside::end(asked).and(connected)
}

/// Waits until a socket is connected, or cannot be, or nobody waits for it any more.
async fn connected(asked: &Asked, socket: &OwnedFd) -> Result<(), Errno> {
    let copy = socket.try_clone().map_err(|error| errno_of(&error))?;
    let watched = TcpStream::from_std(copy.into()).map_err(|error| errno_of(&error))?;
    loop {
        match tokio::time::timeout(LOOK_INTERVAL, watched.writable()).await {
            Ok(writable) => {
                writable.map_err(|error| errno_of(&error))?;
                return sockopt::socket_error(socket)?;
            }
            Err(_) if asked.question.is_open() => {}
            Err(_) => return Err(Errno::INTR),
        }
    }
}

/// Whether an address is one of the sandbox's own. The unspecified one stands for the loopback.
fn is_inside(address: std::net::SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}
