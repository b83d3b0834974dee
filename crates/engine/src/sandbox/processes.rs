//! The processes of a sandbox.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{MutexGuard, Semaphore, mpsc, oneshot, watch};
use tracing::Instrument as _;
use workers_domain::NetworkPolicy;
use workers_domain::ports::{KillReason, NetworkTransfer, SandboxError, SandboxErrorKind};

use crate::cgroup::{CgroupStats, Group, Share};
use crate::fault::refused;
use crate::message::{CreateSandbox, Exited, FromInit, ToInit, ZygoteState};
use crate::network::{Broker, EngineNetwork, NameSockets};
use crate::sandbox_io::{SandboxFd, SandboxIo};
use crate::server::channel::Channel;
use crate::server::create_sandbox::CreatedSandbox;
use crate::server::launcher_client::LauncherClient;
use crate::server::unavailable;
use crate::wire::{self, Received};

/// How many messages wait in the route of a command. A command gets at most two.
const QUEUE: usize = 4;

/// How many outputs of commands that have ended are read on, per sandbox.
const MAX_DRAINED_OUTPUTS: usize = 64;

/// How long a sandbox may take to isolate itself.
const ENTRY_PATIENCE: Duration = Duration::from_secs(30);

/// How long the processes of a container may take to end after they were killed.
const FREEZE_TIME: Duration = Duration::from_secs(20);

/// The processes of a sandbox. They are killed when it is dropped.
#[derive(Debug)]
pub(crate) struct SandboxProcesses {
    name: String,
    channel: Arc<Channel>,
    pidfd: OwnedFd,
    is_isolated: bool,
    group: Option<Group>,
    /// The threads on which the server uses objects that it shares with the sandbox.
    io: SandboxIo,
    work: SandboxFd,
    routes: Arc<Routes>,
    ended: watch::Receiver<Option<SandboxEnd>>,
    reason: Mutex<Option<KillReason>>,
    /// Makes the connections of the sandbox, once its policy is set.
    broker: OnceLock<Broker>,
    /// Held while the init handles a request, or a command is being started.
    request_lock: tokio::sync::Mutex<()>,
    /// The number of commands that run.
    alive: AtomicUsize,
    /// Whether its share of the processors was changed.
    has_other_share: AtomicBool,
    /// Processor time that was used before the current run, in microseconds.
    cpu_before: AtomicU64,
    /// Limits how many outputs are read on after their command has ended.
    drain_limit: Arc<Semaphore>,
}

/// How a sandbox ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SandboxEnd {
    /// What it used; `None` when the launcher exited first.
    pub(crate) stats: Option<CgroupStats>,
}

/// A message about one command.
#[derive(Debug)]
pub(crate) enum ProcessEvent {
    /// It runs.
    Started,
    /// It does not run, with this error number. With `in_directory`, its working directory could not be entered.
    StartFailed { errno: i32, in_directory: bool },
    /// It has ended.
    Exited(Exited),
}

/// The receivers of the init's messages.
#[derive(Debug, Default)]
struct Routes {
    commands: Mutex<HashMap<u32, mpsc::Sender<ProcessEvent>>>,
    response: Mutex<Option<mpsc::Sender<FromInit>>>,
    name_sockets: Mutex<Option<oneshot::Sender<Vec<OwnedFd>>>>,
    zygote: Mutex<Option<mpsc::Sender<ZygoteState>>>,
    frozen: Mutex<Option<oneshot::Sender<Vec<OwnedFd>>>>,
}

impl SandboxProcesses {
    /// Makes a sandbox; returns when its isolation is set up.
    pub(crate) async fn launch(launcher: &Arc<LauncherClient>, order: CreateSandbox) -> Result<Self, SandboxError> {
        let failed = |error: io::Error| refused("a sandbox's channel", &error);
        let isolation = launcher.configuration().isolation.as_ref();
        let group = isolation.map(|isolation| isolation.cgroups.group(&order.name));
        let is_isolated = isolation.is_some();
        let name = order.name.clone();
        let (ours, theirs) = wire::channel().map_err(failed)?;
        let channel = Arc::new(Channel::new(ours).map_err(failed)?);
        let CreatedSandbox { pidfd, end } = launcher.create(order, theirs).await?;
        let (ended_sender, ended) = watch::channel(None);
        let routes = Arc::new(Routes::default());
        let killer = pidfd.try_clone().map_err(failed)?;
        let io = SandboxIo::new(&name);
        // Before the first call on anything that the sandbox shares, because the watchdog kills through this
        // descriptor.
        io.set_init(pidfd.try_clone().map_err(failed)?);
        let first = tokio::time::timeout(ENTRY_PATIENCE, channel.receive::<FromInit>()).await;
        if first.is_err() {
            // Makes `follow` below end it.
            channel.close();
        }
        let following = follow(Arc::clone(&channel), Arc::clone(&routes), killer, is_isolated, async move {
            let stats = end.wait().await;
            ended_sender.send_replace(Some(SandboxEnd { stats }));
        });
        // Also when `first` is an error: the task then kills the init and waits for its end.
        tokio::spawn(following.in_current_span());
        let first = first.map_err(|_| unavailable("the isolation of a sandbox is not set up in time"))?;
        let work = match first {
            Ok(Some(Received { message: FromInit::Ready, descriptors })) => {
                Some(wire::first(descriptors).map_err(failed)?)
            }
            Ok(Some(Received { message: FromInit::SetupFailed(failure), .. })) => {
                return Err(failure.into_error("a sandbox cannot be isolated"));
            }
            Ok(_) => None,
            Err(error) => return Err(failed(error)),
        };
        let work = work.ok_or_else(|| unavailable("a sandbox died while it was made"))?;
        let work = SandboxFd::new(&io, work);
        let (reason, request_lock, alive) = (Mutex::default(), tokio::sync::Mutex::default(), AtomicUsize::new(0));
        let broker = OnceLock::new();
        let drain_limit = Arc::new(Semaphore::new(MAX_DRAINED_OUTPUTS));
        Ok(Self {
            name,
            channel,
            pidfd,
            is_isolated,
            group,
            io,
            work,
            routes,
            ended,
            reason,
            broker,
            request_lock,
            alive,
            has_other_share: AtomicBool::new(false),
            cpu_before: AtomicU64::new(0),
            drain_limit,
        })
    }

    /// Returns its working directory.
    pub(crate) const fn work(&self) -> &SandboxFd {
        &self.work
    }

    /// Returns the threads on which the server uses objects that it shares with the sandbox.
    pub(crate) const fn io(&self) -> &SandboxIo {
        &self.io
    }

    /// Lets it connect to the destinations that the policy permits, from now on. Only the first call has an effect.
    /// Before it, the sandbox can connect to nothing, not even itself.
    pub(crate) fn enable_network(self: &Arc<Self>, policy: &NetworkPolicy, network: &Arc<EngineNetwork>) {
        // Without isolation no filter reports `connect` calls, so there is nothing for a broker to do.
        if self.is_isolated {
            let start = || {
                // Weak, because the sandbox owns the broker, which owns this.
                let sockets: Weak<Self> = Arc::downgrade(self);
                Broker::start(self.name.clone(), self.io.clone(), sockets, policy.clone(), network)
            };
            let _ = self.broker.get_or_init(start);
        }
    }

    /// Changes the policy, if [`enable_network`](Self::enable_network) was called before.
    pub(crate) fn change_network(&self, policy: NetworkPolicy) {
        if let Some(broker) = self.broker.get() {
            broker.change_policy(policy);
        }
    }

    /// Returns the bytes of its connections to the outside so far; `None` if they are not known.
    pub(crate) async fn network_transfer(&self) -> Option<NetworkTransfer> {
        self.broker.get()?.transfer().await
    }

    /// Returns its cgroup.
    pub(crate) fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// Returns what it has used so far, or in total if it has ended; `None` if that is not known.
    pub(crate) async fn stats(&self) -> Option<CgroupStats> {
        if let Some(SandboxEnd { stats }) = *self.ended.borrow() {
            return stats;
        }
        let group = self.group.clone()?;
        // Long, because only the kernel can delay it, so a slow result is no reason to kill the sandbox.
        self.io.run_long(move |_| group.stats()).await.ok()
    }

    /// Returns whether all its processes have ended, as the launcher has reported.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Returns whether its first process has ended or is exiting, and all others with it, although we have not killed
    /// it.
    pub(crate) fn has_died(&self) -> bool {
        self.reason().is_none() && is_ending(&self.pidfd)
    }

    /// Returns whether its share of the processors is the usual one, and it has connected to nothing: both stay with a
    /// sandbox.
    pub(crate) fn is_unmarked(&self) -> bool {
        !self.has_other_share.load(Ordering::Acquire) && self.broker.get().is_none_or(|broker| !broker.was_used())
    }

    /// Counts from now on what is used. Returns `false` if that cannot be, because a limit was reached: the kernel
    /// counts that for good.
    pub(crate) async fn begin_anew(&self) -> bool {
        let Some(group) = self.group.clone() else { return false };
        // Long, because only the kernel can delay it.
        let counted = self.io.run_long(move |_| {
            group.forget_peak();
            group.stats()
        });
        let Ok(stats) = counted.await else { return false };
        self.cpu_before.store(stats.cpu_micros.unwrap_or_default(), Ordering::Release);
        !stats.out_of_memory && !stats.starved
    }

    /// Returns what was used since [`begin_anew`](Self::begin_anew).
    pub(crate) fn since_begin(&self, stats: CgroupStats) -> CgroupStats {
        let before = self.cpu_before.load(Ordering::Acquire);
        CgroupStats { cpu_micros: stats.cpu_micros.map(|cpu| cpu.saturating_sub(before)), ..stats }
    }

    /// Changes its share of the processors, in the background.
    pub(crate) fn take_share(&self, share: Share) {
        self.has_other_share.store(true, Ordering::Release);
        let Some(group) = self.group.clone() else { return };
        let name = self.name.clone();
        // The kernel moves one process after the other, and that may take long.
        let begun = self.io.begin_long(move |_| {
            if let Err(error) = group.take_share(share) {
                tracing::warn!(sandbox.id = name, error = %error, "the share of a sandbox cannot be changed");
            }
        });
        // If it cannot begin, the sandbox keeps its share.
        drop(begun);
    }

    /// Returns why it was killed, if it was.
    pub(crate) fn reason(&self) -> Option<KillReason> {
        *lock(&self.reason)
    }

    /// Opens the route of a command: returns the receiver of messages about it.
    pub(crate) fn open_route(&self, command: u32) -> mpsc::Receiver<ProcessEvent> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        lock(&self.routes.commands).insert(command, sender);
        receiver
    }

    /// Opens the route of the zygote: returns the receiver of what becomes of it and of the sandbox.
    pub(crate) fn open_zygote_route(&self) -> mpsc::Receiver<ZygoteState> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        *lock(&self.routes.zygote) = Some(sender);
        receiver
    }

    /// Sends the init a message with descriptors.
    pub(crate) async fn send(&self, message: &ToInit, descriptors: &[OwnedFd]) -> Result<(), SandboxError> {
        let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        self.channel.send(message, &descriptors).await.map_err(|_| stopped())
    }

    /// Sends the init a message, which is lost if the socket is full.
    pub(crate) fn try_send(&self, message: &ToInit) {
        let _ = self.channel.try_send(message);
    }

    /// Waits until the init handles no request and no command is being started, and prevents both as long as the guard
    /// lives.
    pub(crate) async fn lock_requests(&self) -> MutexGuard<'_, ()> {
        self.request_lock.lock().await
    }

    /// Returns the limit on outputs that are read on after their command has ended.
    pub(crate) fn drain_limit(&self) -> &Arc<Semaphore> {
        &self.drain_limit
    }

    /// Counts a command that runs.
    pub(crate) fn began(&self) {
        self.alive.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts a command that has ended.
    pub(crate) fn finished(&self) {
        self.alive.fetch_sub(1, Ordering::AcqRel);
    }

    /// Kills what commands have left behind, if no command runs.
    pub(crate) async fn clear(&self) {
        // So that no command begins between the check and the order, which would kill it.
        let _guard = self.lock_requests().await;
        if self.alive.load(Ordering::Acquire) == 0 {
            // Fails when the sandbox ends, and all its processes with it.
            let _ = self.request_locked(&ToInit::KillAll, &[]).await;
        }
    }

    /// Sends the init a request and returns its response. There is one request at a time.
    pub(crate) async fn request(&self, message: &ToInit, descriptors: &[OwnedFd]) -> Result<FromInit, SandboxError> {
        let _guard = self.lock_requests().await;
        self.request_locked(message, descriptors).await
    }

    async fn request_locked(&self, message: &ToInit, descriptors: &[OwnedFd]) -> Result<FromInit, SandboxError> {
        let (sender, mut receiver) = mpsc::channel(1);
        // Before the message, because the response may arrive before `send` returns.
        *lock(&self.routes.response) = Some(sender);
        self.send(message, descriptors).await?;
        receiver.recv().await.ok_or_else(stopped)
    }

    /// Ends every process of a container; returns the directories with its changes.
    pub(crate) async fn freeze(&self) -> Result<[SandboxFd; 2], SandboxError> {
        let _guard = self.lock_requests().await;
        let (sender, frozen) = oneshot::channel();
        *lock(&self.routes.frozen) = Some(sender);
        self.send(&ToInit::Freeze, &[]).await?;
        let late = |_| SandboxError::new(SandboxErrorKind::Failed, "the processes of a container did not end in time");
        let frozen = tokio::time::timeout(FREEZE_TIME, frozen).await.map_err(late)?;
        let changes: [OwnedFd; 2] = frozen.map_err(|_| stopped())?.try_into().map_err(|_| stopped())?;
        Ok(changes.map(|directory| SandboxFd::new(&self.io, directory)))
    }

    /// Returns whether a command has not ended yet and its route is still open.
    pub(crate) fn has_route(&self, command: u32) -> bool {
        lock(&self.routes.commands).contains_key(&command)
    }

    /// Closes the route of a command.
    pub(crate) fn close_route(&self, command: u32) {
        lock(&self.routes.commands).remove(&command);
    }

    /// Kills everything, with this reason unless there is an earlier one. Returns at once.
    pub(crate) fn kill(&self, reason: KillReason) {
        lock(&self.reason).get_or_insert(reason);
        kill(&self.channel, &self.pidfd, self.is_isolated);
    }

    /// Waits until no process of it runs.
    pub(crate) async fn wait(&self) -> SandboxEnd {
        // The sender goes away without a value only if the task that holds it ends early, with the runtime.
        let mut ended = self.ended.clone();
        let end = ended.wait_for(Option::is_some).await.ok().and_then(|end| *end);
        end.unwrap_or(SandboxEnd { stats: None })
    }
}

#[async_trait]
impl NameSockets for SandboxProcesses {
    async fn make(&self) -> io::Result<[OwnedFd; 2]> {
        let (sender, made) = oneshot::channel();
        *lock(&self.routes.name_sockets) = Some(sender);
        self.send(&ToInit::MakeNameSockets, &[]).await.map_err(io::Error::other)?;
        let made = made.await.map_err(io::Error::other)?;
        made.try_into().map_err(|_| io::Error::other("there are no sockets"))
    }
}

impl Drop for SandboxProcesses {
    fn drop(&mut self) {
        self.kill(KillReason::Requested);
    }
}

/// Returns whether a process has ended or is exiting.
fn is_ending(pidfd: &OwnedFd) -> bool {
    /// The kernel's flag of a process that is exiting, and the index of the flags field after the process's name.
    const EXITING: u64 = 0x4;
    const FLAGS: usize = 6;
    let Ok(described) = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())) else { return false };
    let pid = described.lines().find_map(|line| line.strip_prefix("Pid:")).map_or("", str::trim);
    // The kernel gives a process that was reaped the number -1, for which there is no such file.
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    // The name in parentheses before them may itself contain parentheses and spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut fields = fields.split_whitespace();
    let is_dead = matches!(fields.next(), Some("Z" | "X"));
    let flags = fields.nth(FLAGS - 1).and_then(|flags| flags.parse::<u64>().ok()).unwrap_or_default();
    is_dead || flags & EXITING != 0
}

fn kill(channel: &Channel, pidfd: &OwnedFd, is_isolated: bool) {
    // An init whose channel is closed kills all processes and exits. Without a pid namespace this is the only way; with
    // one, the kernel does the same faster.
    channel.close();
    if is_isolated {
        // Fails when it has ended already.
        let _ = rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::KILL);
    }
}

/// Delivers the init's messages until there are no more.
async fn follow(
    channel: Arc<Channel>,
    routes: Arc<Routes>,
    pidfd: OwnedFd,
    is_isolated: bool,
    gone: impl Future<Output = ()>,
) {
    while let Ok(Some(Received { message, descriptors })) = channel.receive::<FromInit>().await {
        let (command, event) = match message {
            FromInit::Started { command } => (command, ProcessEvent::Started),
            FromInit::StartFailed { command, errno, in_directory } => {
                (command, ProcessEvent::StartFailed { errno, in_directory })
            }
            FromInit::Exited(exited) => (exited.command, ProcessEvent::Exited(exited)),
            FromInit::NameSockets => {
                let _ = lock(&routes.name_sockets).take().map(|waiting| waiting.send(descriptors));
                continue;
            }
            FromInit::Zygote(state) => {
                // There is one after each run, and it is received before the next one.
                let _ = lock(&routes.zygote).as_ref().map(|waiting| waiting.try_send(state));
                continue;
            }
            FromInit::Frozen => {
                let _ = lock(&routes.frozen).take().map(|waiting| waiting.send(descriptors));
                continue;
            }
            response => {
                // The caller may have stopped waiting.
                let _ = lock(&routes.response).take().map(|waiting| waiting.try_send(response));
                continue;
            }
        };
        // A route has room for all messages about its command.
        let is_last = matches!(event, ProcessEvent::Exited(_));
        let mut commands = lock(&routes.commands);
        // The receiver is gone if the command was dropped.
        let _ = commands.get(&command).map(|route| route.try_send(event));
        if is_last {
            commands.remove(&command);
        }
    }
    // The init has closed the channel or sent a malformed message: no order can reach its processes any more.
    kill(&channel, &pidfd, is_isolated);
    // Before the end of the sandbox, so that callers do not wait for that.
    lock(&routes.response).take();
    lock(&routes.name_sockets).take();
    lock(&routes.frozen).take();
    lock(&routes.zygote).take();
    gone.await;
    lock(&routes.commands).clear();
}

/// Returns the error of a sandbox that has been stopped.
pub(crate) fn stopped() -> SandboxError {
    SandboxError::new(SandboxErrorKind::Stopped, "the sandbox has been stopped")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
