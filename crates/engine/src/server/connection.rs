//! The messages to and from one launcher.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use workers_domain::ports::SandboxError;

use super::channel::Channel;
use super::unavailable;
use crate::cgroup::CgroupStats;
use crate::fault::refused;
use crate::message::{CommandName, Exited, FromLauncher, ToLauncher};
use crate::network::NotifyListener;
use crate::wire::{self, Received};

/// A launcher that sends nothing for so long while we wait for a response is killed.
const SILENCE: Duration = Duration::from_secs(5);

/// A running launcher.
#[derive(Debug)]
pub(crate) struct Connection {
    channel: Channel,
    /// The launcher's process id.
    process: Option<u32>,
    created: Mutex<HashMap<String, oneshot::Sender<Result<OwnedFd, SandboxError>>>>,
    /// Its sandboxes, and the senders that report their ends.
    gone: Mutex<HashMap<String, oneshot::Sender<CgroupStats>>>,
    /// The children of templates that run, and the senders that report their ends.
    children: Mutex<HashMap<CommandName, oneshot::Sender<ChildEvent>>>,
    pings: Mutex<HashMap<u64, oneshot::Sender<()>>>,
    next_ping: AtomicU64,
    /// When the last message of the launcher arrived.
    last_message_at: Mutex<Instant>,
    /// Sandboxes that were killed and do not end.
    aside: Mutex<HashSet<String>>,
    /// Whether another launcher makes all further sandboxes.
    is_retired: AtomicBool,
    /// Whether it has stopped responding.
    is_silent: AtomicBool,
    templates: Arc<watch::Sender<Option<bool>>>,
    /// Whether templates are configured.
    wants_templates: bool,
    /// Receives the calls that the filter reports from the launcher and its sandboxes, as long as this connection
    /// lives.
    _listener: Option<NotifyListener>,
}

impl Connection {
    pub(super) fn new(
        channel: Channel,
        process: Option<u32>,
        templates: Arc<watch::Sender<Option<bool>>>,
        wants_templates: bool,
        listener: Option<NotifyListener>,
    ) -> Self {
        Self {
            channel,
            process,
            created: Mutex::default(),
            gone: Mutex::default(),
            children: Mutex::default(),
            pings: Mutex::default(),
            next_ping: AtomicU64::new(0),
            last_message_at: Mutex::new(Instant::now()),
            aside: Mutex::default(),
            is_retired: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
            templates,
            wants_templates,
            _listener: listener,
        }
    }

    /// Returns the process id of the launcher.
    pub(super) const fn process(&self) -> Option<u32> {
        self.process
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the launcher has exited, so that it has not received the message. `Failed` when the message
    /// cannot be sent.
    pub(super) async fn send(&self, message: &ToLauncher, passed: &[BorrowedFd<'_>]) -> Result<(), SandboxError> {
        let sent = self.channel.send(message, passed).await;
        sent.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => unavailable("the sandbox launcher died"),
            _ => refused("the sandbox launcher cannot be reached", &error),
        })
    }

    /// Sends a message if the socket has room now.
    pub(super) fn try_send(&self, message: &ToLauncher) {
        let _ = self.channel.try_send(message);
    }

    /// Waits for a response of the launcher. If the launcher sends nothing at all for [`SILENCE`], this connection is
    /// closed, and another launcher is started.
    pub(super) async fn unless_silent<T>(&self, response: impl Future<Output = T>) -> Result<T, SandboxError> {
        let began = Instant::now();
        tokio::pin!(response);
        loop {
            if let Ok(response) = tokio::time::timeout(SILENCE, &mut response).await {
                return Ok(response);
            }
            let last = *lock(&self.last_message_at);
            // An idle launcher sends nothing, so its silence before this request does not count.
            if last.max(began).elapsed() >= SILENCE {
                // Logged once, however many wait for a response.
                if !self.is_silent.swap(true, Ordering::AcqRel) {
                    tracing::error!(
                        "the sandbox launcher does not respond any more; it is killed, and another one is started"
                    );
                }
                // This ends `follow`, and the task that runs it (`supervise`) kills the launcher.
                self.close();
                return Err(unavailable("the sandbox launcher does not respond"));
            }
        }
    }

    /// Returns whether it was found not to respond any more: then it will not exit without being killed.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Acquire)
    }

    /// Waits for the launcher's response to a ping.
    pub(super) async fn ping(&self) -> Result<(), SandboxError> {
        let (sender, response) = oneshot::channel();
        let number = self.next_ping.fetch_add(1, Ordering::Relaxed);
        // Before sending, because the response may come before `send` returns.
        lock(&self.pings).insert(number, sender);
        self.send(&ToLauncher::Ping(number), &[]).await?;
        response.await.map_err(|_| unavailable("the sandbox launcher died"))
    }

    /// Registers a sandbox, so that messages about it are delivered to the returned receivers.
    pub(super) fn register_sandbox(&self, name: &str) -> SandboxReceivers {
        let (created, gone) = (oneshot::channel(), oneshot::channel());
        lock(&self.created).insert(name.to_owned(), created.0);
        lock(&self.gone).insert(name.to_owned(), gone.0);
        SandboxReceivers { created: created.1, gone: gone.1 }
    }

    /// Removes the registration of a sandbox that was not made.
    pub(super) fn unregister_sandbox(&self, name: &str) {
        lock(&self.created).remove(name);
        lock(&self.gone).remove(name);
        self.close_if_done();
    }

    /// Registers a template's child, so that the message about it is delivered to the returned receiver.
    pub(super) fn register_child(&self, name: &CommandName) -> oneshot::Receiver<ChildEvent> {
        let (sender, event) = oneshot::channel();
        lock(&self.children).insert(name.clone(), sender);
        event
    }

    /// Removes the registration of a child whose order was not sent.
    pub(super) fn unregister_child(&self, name: &CommandName) {
        lock(&self.children).remove(name);
    }

    /// Returns whether a sandbox is one of this launcher's.
    pub(super) fn has(&self, sandbox: &str) -> bool {
        lock(&self.gone).contains_key(sandbox)
    }

    /// Returns the number of sandboxes that do not end.
    pub(super) fn set_aside(&self) -> usize {
        lock(&self.aside).len()
    }

    /// Reports to the launcher that the server no longer waits for a sandbox. Returns the number of such sandboxes.
    pub(super) async fn put_aside(&self, name: &str) -> usize {
        let many = {
            let mut aside = lock(&self.aside);
            aside.insert(name.to_owned());
            aside.len()
        };
        // A launcher that cannot be reached has exited, and its sandboxes are cleared away with it.
        let _ = self.send(&ToLauncher::SetAside { name: name.to_owned() }, &[]).await;
        self.close_if_done();
        many
    }

    /// Marks it as one that makes no more sandboxes. Returns whether it was not marked before.
    pub(super) fn retire(&self) -> bool {
        !self.is_retired.swap(true, Ordering::AcqRel)
    }

    /// Removes the mark, because no other launcher could be started.
    pub(super) fn unretire(&self) {
        self.is_retired.store(false, Ordering::Release);
    }

    /// Closes a retired launcher once all sandboxes that it still has are set aside. It kills those once more when it
    /// exits.
    pub(super) fn close_if_done(&self) {
        let is_done = {
            let (gone, aside) = (lock(&self.gone), lock(&self.aside));
            gone.keys().all(|name| aside.contains(name))
        };
        if is_done && self.is_retired.load(Ordering::Acquire) {
            self.close();
        }
    }

    /// Closes the connection for both sides.
    pub(super) fn close(&self) {
        self.channel.close();
    }

    /// Handles the launcher's messages until there are no more. Returns the reason for the end.
    pub(super) async fn follow(&self) -> String {
        loop {
            match self.channel.receive::<FromLauncher>().await {
                Ok(Some(received)) => {
                    *lock(&self.last_message_at) = Instant::now();
                    self.handle(received);
                }
                Ok(None) => return "it closed its socket".to_owned(),
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Delivers a message. A receiver that was dropped is ignored.
    fn handle(&self, Received { message, descriptors }: Received<FromLauncher>) {
        match message {
            FromLauncher::Created { name } => {
                let waiting = lock(&self.created).remove(&name);
                let pidfd = wire::first(descriptors).map_err(|error| refused("a sandbox cannot be made", &error));
                let _ = waiting.map(|waiting| waiting.send(pidfd));
            }
            FromLauncher::CreateFailed { name, failure } => {
                let failed = Err(failure.into_error("a sandbox cannot be made"));
                let _ = lock(&self.created).remove(&name).map(|waiting| waiting.send(failed));
            }
            FromLauncher::NotForked(name) => self.deliver_child_event(&name, ChildEvent::NotForked),
            FromLauncher::ChildEnded { sandbox, exited, stats } => {
                self.deliver_child_event(
                    &CommandName { sandbox, command: exited.command },
                    ChildEvent::Ended(exited, stats),
                );
            }
            FromLauncher::Gone { name, stats } => {
                // Dropping the senders ends the waits for children that ended together with the sandbox.
                lock(&self.children).retain(|child, _| child.sandbox != name);
                lock(&self.aside).remove(&name);
                let _ = lock(&self.gone).remove(&name).map(|waiting| waiting.send(stats));
                self.close_if_done();
            }
            FromLauncher::SetAside { name, processes } => {
                tracing::error!(
                    sandbox.id = name,
                    processes,
                    "a sandbox was set aside: it was killed, and its processes have not ended in time"
                );
            }
            FromLauncher::Pong(number) => {
                let _ = lock(&self.pings).remove(&number).map(|waiting| waiting.send(()));
            }
            FromLauncher::Templates { are_ready } => {
                let before = self.templates.send_replace(Some(are_ready));
                if self.wants_templates && !are_ready && before != Some(false) {
                    tracing::warn!("node cannot be forked here: every command starts its own node, which takes longer");
                }
            }
            // `LauncherClient::configure` reads these itself, before there is a connection.
            FromLauncher::Configured(_) | FromLauncher::ConfigurationFailed(_) => {}
        }
    }

    fn deliver_child_event(&self, name: &CommandName, event: ChildEvent) {
        // The receiver may have been dropped.
        let _ = lock(&self.children).remove(name).map(|waiting| waiting.send(event));
    }

    /// Makes all waits fail, because no message will come any more. Returns the sandboxes that had not ended.
    pub(super) fn fail_all_waits(&self) -> BTreeSet<String> {
        // First, so that a wait that begins later fails at once.
        self.channel.close();
        lock(&self.created).clear();
        let left = lock(&self.gone).drain().map(|(name, _)| name).collect();
        lock(&self.children).clear();
        lock(&self.pings).clear();
        left
    }
}

/// The receivers of the launcher's messages about a sandbox that it was ordered to make.
#[derive(Debug)]
pub(super) struct SandboxReceivers {
    /// The pidfd of its init, or the reason why there is none.
    pub(super) created: oneshot::Receiver<Result<OwnedFd, SandboxError>>,
    /// What the sandbox has used, at its end.
    pub(super) gone: oneshot::Receiver<CgroupStats>,
}

/// The launcher's only message about a child of a template.
#[derive(Debug)]
pub(crate) enum ChildEvent {
    /// There is no template to fork.
    NotForked,
    /// The child has ended; with what the sandbox had used by then.
    Ended(Exited, CgroupStats),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
