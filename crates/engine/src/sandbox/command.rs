//! A command: its two outputs, and how it ends.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::io::Errno;
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;
use workers_domain::ports::{
    Command, CommandEvent, CommandExit, CommandSpec, DrainedCommand, ExitStatus, KillReason, SandboxError,
    SandboxErrorKind,
};
use workers_domain::{LogStream, ResourceUsage};

use super::output::{Output, output, read_all};
use super::parked_child::ParkedChild;
use super::processes::{ProcessEvent, SandboxProcesses, stopped};
use crate::cgroup::{CgroupStats, Group, Share};
use crate::fault::refused;
use crate::message::{CommandName, Exited, NodeProgram, PackedProgram, RunCommand, ToInit};
use crate::server::channel::Channel;
use crate::server::connection::ChildEvent;
use crate::server::launcher_client::LauncherClient;

const SIGKILL: i32 = 9;

/// A command that runs longer than this gets a smaller share of the processors, so that commands that have just begun
/// go first.
pub(crate) const BRIEF: Duration = Duration::from_millis(200);

/// How long after a command's deadline its sandbox is killed by a separate thread, if the runtime has not done so.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// How long the launcher may take to report the end of a sandbox whose command took too long.
const END_GRACE: Duration = Duration::from_secs(1);

/// A command of a local sandbox. It is killed when it is dropped before its end.
#[derive(Debug)]
pub(super) struct LocalCommand {
    processes: Arc<SandboxProcesses>,
    launcher: Arc<LauncherClient>,
    name: CommandName,
    is_forked: bool,
    /// Whether it is a run in a sandbox that is kept, and ends with its outcome.
    is_run: bool,
    outputs: [Output; 2],
    exit: Exit,
}

/// Where a command runs: the sandbox, and a parked child if there is one for it.
pub(super) struct CommandTarget {
    pub(super) processes: Arc<SandboxProcesses>,
    pub(super) launcher: Arc<LauncherClient>,
    pub(super) runner: Runner,
    pub(super) wall_clock: Duration,
}

/// Which process runs a command.
pub(super) enum Runner {
    /// One that the sandbox's init starts.
    Init,
    /// A parked child of a template, with the program for it.
    Parked(ParkedChild, NodeProgram),
    /// A run that a zygote has forked: the channel on which it waits, and the program for it.
    Zygote(Arc<Channel>, NodeProgram),
}

#[derive(Debug)]
enum Exit {
    Awaited(oneshot::Receiver<Result<CommandExit, SandboxError>>),
    Known(Result<CommandExit, SandboxError>),
    Reported,
}

/// Starts a command.
pub(super) async fn start(
    target: CommandTarget,
    name: CommandName,
    spec: CommandSpec,
) -> Result<LocalCommand, SandboxError> {
    let failed = |error: io::Error| refused("a command's outputs", &error);
    let CommandTarget { processes, launcher, runner, wall_clock } = target;
    let (stdout, stdout_end) = output(processes.io(), LogStream::Stdout).map_err(failed)?;
    let (stderr, stderr_end) = output(processes.io(), LogStream::Stderr).map_err(failed)?;
    let ends = [stdout_end, stderr_end];
    // Against `clear` after another command: it kills everything while no command counts, as this one until `began`.
    let guard = processes.lock_requests().await;
    let is_run = matches!(runner, Runner::Zygote(..));
    let forked = match runner {
        // A child that ended before it got the program has run nothing of it, so the init may run it
        // (docs/decisions/0008).
        Runner::Parked(child, program) => child.run(&program, &ends).await.map(ExitReceiver::Child),
        Runner::Zygote(channel, program) => {
            Some(ExitReceiver::Init(send(&processes, name.command, &channel, &program, &ends).await?))
        }
        Runner::Init => None,
    };
    let is_forked = matches!(forked, Some(ExitReceiver::Child(_)));
    let receiver = match forked {
        Some(receiver) => receiver,
        None => ExitReceiver::Init(run(&processes, name.command, spec, &ends).await?),
    };
    processes.began();
    // With a copy of the command's ends open in this process, the outputs would never end.
    drop((guard, ends));
    let (sender, exit) = oneshot::channel();
    let watched = Arc::clone(&processes);
    let watching = async move {
        let exit = watch(&watched, receiver, wall_clock).await;
        watched.finished();
        // Fails if the command was dropped; then the result is not used.
        let _ = sender.send(exit);
        if is_forked {
            // Usually the sandbox is stopped now, and all left-over processes with it.
            tokio::task::yield_now().await;
            if watched.reason().is_none() {
                watched.clear().await;
            }
        }
    };
    tokio::spawn(watching.in_current_span());
    Ok(LocalCommand {
        processes,
        launcher,
        name,
        is_forked,
        is_run,
        outputs: [stdout, stderr],
        exit: Exit::Awaited(exit),
    })
}

/// Receives the end of a command, from whichever process reports it: the init, or the launcher for a child of a
/// template.
enum ExitReceiver {
    Init(mpsc::Receiver<ProcessEvent>),
    Child(oneshot::Receiver<ChildEvent>),
}

impl ExitReceiver {
    /// Waits for the end of the command. Returns it with what the sandbox had used by then, if that was reported along
    /// with it; `None` when the sandbox ends first.
    async fn end(&mut self) -> Option<(Exited, Option<CgroupStats>)> {
        match self {
            Self::Init(events) => loop {
                match events.recv().await? {
                    ProcessEvent::Exited(exited) => return Some((exited, None)),
                    ProcessEvent::Started | ProcessEvent::StartFailed { .. } => {}
                }
            },
            Self::Child(event) => match event.await.ok()? {
                ChildEvent::Ended(exited, stats) => Some((exited, Some(stats))),
                ChildEvent::NotForked => None,
            },
        }
    }
}

/// Sends a program to the run that a zygote has forked.
async fn send(
    processes: &SandboxProcesses,
    number: u32,
    channel: &Channel,
    program: &NodeProgram,
    outputs: &[OwnedFd; 2],
) -> Result<mpsc::Receiver<ProcessEvent>, SandboxError> {
    // Before the program is sent, because its end may be reported at once.
    let events = processes.open_route(number);
    let packed = PackedProgram::pack(number, program).map_err(|error| refused("a program", &error))?;
    channel.send_bytes(&packed, &outputs.each_ref().map(AsFd::as_fd)).await.map_err(|_| stopped())?;
    Ok(events)
}

/// Makes the sandbox's init run the command.
async fn run(
    processes: &SandboxProcesses,
    command: u32,
    spec: CommandSpec,
    outputs: &[OwnedFd; 2],
) -> Result<mpsc::Receiver<ProcessEvent>, SandboxError> {
    // Before the order is sent, because the init may report the start at once.
    let mut events = processes.open_route(command);
    let env = spec.env.clone();
    let (program, args) = spec.into_command_line();
    let run = RunCommand { command, program: program.clone(), args, env, container: None };
    processes.send(&ToInit::Run(run), outputs).await?;
    match events.recv().await {
        Some(ProcessEvent::Started) => Ok(events),
        Some(ProcessEvent::StartFailed { errno, .. }) => Err(not_started(&program, errno)),
        Some(ProcessEvent::Exited(_)) | None => Err(stopped()),
    }
}

pub(crate) fn not_started(program: &str, errno: i32) -> SandboxError {
    let error = io::Error::from_raw_os_error(errno);
    // `ENOTDIR`: a part of the path is a file; `EACCES`: the file is not executable.
    let not_found = [Errno::NOENT, Errno::NOTDIR, Errno::ACCESS].iter().any(|one| one.raw_os_error() == errno);
    let kind = if not_found { SandboxErrorKind::CommandNotFound } else { SandboxErrorKind::Failed };
    SandboxError { kind, message: format!("`{program}` cannot be started: {error}"), source: Some(error.into()) }
}

/// Gives a sandbox a smaller share of the processors when its command has run for [`BRIEF`]. Does not return.
async fn lower_share_when_long(processes: &SandboxProcesses) -> Infallible {
    tokio::time::sleep(BRIEF).await;
    processes.take_share(Share::Eighth);
    std::future::pending().await
}

/// Waits for the end of a command, its deadline, or the end of its sandbox.
async fn watch(
    processes: &SandboxProcesses,
    mut exit: ExitReceiver,
    wall_clock: Duration,
) -> Result<CommandExit, SandboxError> {
    let _kept_elsewhere = processes.io().kill_after(wall_clock + LAST_GRACE);
    let end = tokio::select! {
        // In this order, so that an end that has been reported is not turned into a timeout.
        biased;
        end = exit.end() => end,
        () = tokio::time::sleep(wall_clock) => {
            processes.kill(KillReason::Timeout);
            return exit_by_sandbox(processes, stats_soon(processes).await);
        }
        never = lower_share_when_long(processes) => match never {},
    };
    if let Some((exited, stats)) = end {
        // A SIGKILL that we did not order may come from the end of the whole sandbox; then the command did not end on
        // its own.
        if exited.status != Err(SIGKILL) || exited.kill_requested || !processes.has_died() {
            return Ok(exit_by_itself(processes, exited, stats).await);
        }
    }
    let stats = processes.wait().await.stats;
    exit_by_sandbox(processes, stats)
}

/// Returns what a sandbox that was killed has used. Waits at most [`END_GRACE`] for the launcher, so that a launcher
/// that does not respond does not delay the result.
async fn stats_soon(processes: &SandboxProcesses) -> Option<CgroupStats> {
    match tokio::time::timeout(END_GRACE, processes.wait()).await {
        Ok(end) => end.stats,
        Err(_) => processes.stats().await,
    }
}

/// Returns the result when the process ended and its sandbox goes on.
async fn exit_by_itself(processes: &SandboxProcesses, exited: Exited, stats: Option<CgroupStats>) -> CommandExit {
    let stats = match (stats, processes.group().cloned()) {
        (Some(stats), _) => stats,
        (None, Some(group)) => processes.io().run_long(move |_| group.stats()).await.unwrap_or_default(),
        (None, None) => CgroupStats::default(),
    };
    let stats = processes.since_begin(stats);
    let killed = if stats.out_of_memory {
        // On a host where the kernel kills only one process of the sandbox. A part of a sandbox is of no use, so we
        // kill the rest.
        processes.kill(KillReason::OutOfMemory);
        Some(KillReason::OutOfMemory)
    } else if exited.kill_requested {
        Some(KillReason::Requested)
    } else {
        None
    };
    let exit_status = match exited.status {
        Ok(code) => ExitStatus::Code(code),
        Err(signal) => ExitStatus::Signal(signal),
    };
    // Where a cgroup does not count them, the kernel's figures of the process itself are the next best.
    let own = CgroupStats {
        cpu_micros: stats.cpu_micros.or(Some(exited.cpu_micros)),
        max_memory_bytes: stats.max_memory_bytes.or(Some(exited.max_resident_bytes)),
        ..stats
    };
    CommandExit { status: exit_status, killed, usage: usage(own) }
}

/// Returns the result when the whole sandbox ended, and the command with it.
fn exit_by_sandbox(processes: &SandboxProcesses, stats: Option<CgroupStats>) -> Result<CommandExit, SandboxError> {
    let out_of_memory = stats.is_some_and(|stats| stats.out_of_memory);
    let killed = processes.reason().or_else(|| out_of_memory.then_some(KillReason::OutOfMemory));
    match killed {
        Some(reason) => Ok(CommandExit {
            status: ExitStatus::Signal(SIGKILL),
            killed: Some(reason),
            usage: usage(processes.since_begin(stats.unwrap_or_default())),
        }),
        None => Err(SandboxError::new(SandboxErrorKind::Failed, "the sandbox died while the command was running")),
    }
}

fn usage(stats: CgroupStats) -> ResourceUsage {
    ResourceUsage { cpu: stats.cpu_micros.map(Duration::from_micros), max_memory_bytes: stats.max_memory_bytes }
}

#[async_trait]
impl Command for LocalCommand {
    async fn next_event(&mut self) -> Result<Option<CommandEvent>, SandboxError> {
        loop {
            let [stdout, stderr] = &mut self.outputs;
            let Exit::Awaited(exit) = &mut self.exit else { break };
            tokio::select! {
                event = stdout.next() => return event.map(Some),
                event = stderr.next() => return event.map(Some),
                known = exit => self.exit = Exit::Known(known.unwrap_or_else(|_| Err(stopped()))),
            }
        }
        for output in &mut self.outputs {
            if let Some(event) = output.take_rest().await? {
                return Ok(Some(event));
            }
        }
        match std::mem::replace(&mut self.exit, Exit::Reported) {
            Exit::Known(exit) => exit.map(|exit| Some(CommandEvent::Exited(exit))),
            Exit::Awaited(_) | Exit::Reported => Ok(None),
        }
    }

    async fn kill(&self) -> Result<(), SandboxError> {
        if self.is_forked {
            // The launcher is the parent of a child of a template; the init does not know it.
            return self.launcher.kill_child(self.name.clone()).await;
        }
        match self.processes.send(&ToInit::Kill { command: self.name.command }, &[]).await {
            // It has ended with its sandbox.
            Err(error) if error.kind == SandboxErrorKind::Stopped => Ok(()),
            other => other,
        }
    }

    async fn kill_and_drain(&mut self) -> Result<DrainedCommand, SandboxError> {
        // First, so that we return what was printed until now.
        let (output, stats) = self.take_all().await?;
        // A run is killed when its sandbox is given back, if it has not ended by itself.
        if matches!(self.exit, Exit::Awaited(_)) && !self.is_run {
            // We do not wait for its end, so that a launcher that does not respond does not delay the result.
            self.try_kill();
        }
        // So that `drop` does not kill it again.
        self.exit = Exit::Reported;
        Ok(DrainedCommand { output, usage: usage(self.processes.since_begin(stats)) })
    }
}

impl LocalCommand {
    /// Returns what is in its pipes and what the sandbox has used so far. Each pipe is read only up to its capacity, so
    /// that a command that never stops printing is not read forever.
    async fn take_all(&mut self) -> Result<(Vec<(LogStream, Vec<u8>)>, CgroupStats), SandboxError> {
        let mut rest = Vec::new();
        for output in &mut self.outputs {
            let (read, pipe) = output.take_pipe().await?;
            rest.push((output.stream(), read, pipe));
        }
        let group = self.processes.group().cloned();
        // Not long: a sandbox can hold up a read of its pipes, and then the watchdog has to interrupt it.
        let taken = self.processes.io().run(move |thread| {
            let all = rest.into_iter().map(|(stream, mut bytes, pipe)| {
                bytes.extend(pipe.iter().flat_map(|pipe| read_all(pipe, thread).bytes));
                (stream, bytes)
            });
            let all = all.filter(|(_, bytes)| !bytes.is_empty()).collect();
            (all, group.as_ref().map(Group::stats).unwrap_or_default())
        });
        taken.await.map_err(|error| refused("reading a command's output", &error))
    }
}

impl LocalCommand {
    /// Kills it, unless the socket to the launcher or init is full; then it ends with its sandbox.
    fn try_kill(&self) {
        if self.is_forked {
            self.launcher.try_kill_child(self.name.clone());
        } else {
            self.processes.try_send(&ToInit::Kill { command: self.name.command });
        }
    }
}

impl Drop for LocalCommand {
    fn drop(&mut self) {
        if matches!(self.exit, Exit::Awaited(_)) {
            self.try_kill();
        }
    }
}
