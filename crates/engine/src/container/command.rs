//! A command of a container.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::sync::mpsc;
use tracing::Instrument as _;
use workers_domain::ports::{
    CommandEvent, CommandExit, ContainerCommand, ContainerCommandSpec, ExitStatus, SandboxError, SandboxErrorKind,
};
use workers_domain::{LogStream, ResourceUsage};

use crate::cgroup::Share;
use crate::fault::refused;
use crate::message::{Exited, InContainer, RunCommand, ToInit, Tool};
use crate::sandbox::command::{BRIEF, not_started};
use crate::sandbox::output::{Output, output};
use crate::sandbox::processes::{ProcessEvent, SandboxProcesses, stopped};
use crate::sandbox_io::{OnSandboxThread, SandboxFd, SandboxIo, Watched};

const SIGKILL: i32 = 9;

/// A command of a container. It goes on when this is dropped.
#[derive(Debug)]
pub(super) struct LocalContainerCommand {
    number: u32,
    processes: Arc<SandboxProcesses>,
    outputs: [Output; 2],
    end: End,
    is_tool: bool,
}

#[derive(Debug)]
enum End {
    Awaited(mpsc::Receiver<ProcessEvent>),
    Known(Option<Exited>),
    Reported,
}

/// The command to start.
pub(super) struct Start {
    pub(super) spec: ContainerCommandSpec,
    /// A file operation that is done instead of running the program.
    pub(super) tool: Option<Tool>,
    /// Standard input; `None` means `/dev/null`.
    pub(super) input: Option<OwnedFd>,
}

/// Starts a command.
pub(super) async fn start(
    processes: Arc<SandboxProcesses>,
    number: u32,
    start: Start,
) -> Result<LocalContainerCommand, SandboxError> {
    let failed = |error: io::Error| refused("a command's outputs", &error);
    let (stdout, stdout_end) = output(processes.io(), LogStream::Stdout).map_err(failed)?;
    let (stderr, stderr_end) = output(processes.io(), LogStream::Stderr).map_err(failed)?;
    let Start { spec, tool, input } = start;
    let directory = spec.directory.clone();
    let is_tool = tool.is_some();
    let container = InContainer { directory: spec.directory, as_root: spec.as_root, tool };
    let run = RunCommand {
        command: number,
        program: spec.program.clone(),
        args: spec.args,
        env: spec.env,
        container: Some(container),
    };
    // Before the order is sent, because the init may report the start at once.
    let mut events = processes.open_route(number);
    let descriptors: Vec<OwnedFd> = input.into_iter().chain([stdout_end, stderr_end]).collect();
    processes.send(&ToInit::Run(run), &descriptors).await?;
    // With a copy of the command's ends open in this process, the outputs would never end.
    drop(descriptors);
    match events.recv().await {
        Some(ProcessEvent::Started) => {
            // Weak, so that the task does not keep a container alive that was dropped.
            tokio::spawn(lower_share_when_long(Arc::downgrade(&processes), number).in_current_span());
            Ok(LocalContainerCommand {
                number,
                processes,
                outputs: [stdout, stderr],
                end: End::Awaited(events),
                is_tool,
            })
        }
        Some(ProcessEvent::StartFailed { errno, in_directory }) => {
            processes.close_route(number);
            Err(if in_directory { not_entered(directory, errno) } else { not_started(&spec.program, errno) })
        }
        Some(ProcessEvent::Exited(_)) | None => Err(stopped()),
    }
}

/// Gives the container a smaller share of the processors if the command still runs after [`BRIEF`], so that short work
/// goes first.
async fn lower_share_when_long(processes: Weak<SandboxProcesses>, number: u32) {
    tokio::time::sleep(BRIEF).await;
    if let Some(processes) = processes.upgrade().filter(|processes| processes.has_route(number)) {
        processes.take_share(Share::Eighth);
    }
}

fn not_entered(directory: Option<String>, errno: i32) -> SandboxError {
    let error = io::Error::from_raw_os_error(errno);
    let directory = directory.unwrap_or_else(|| super::HOME.to_owned());
    let message = format!("the directory `{directory}` cannot be entered: {error}");
    SandboxError { kind: SandboxErrorKind::FileNotFound, message, source: Some(error.into()) }
}

impl Drop for LocalContainerCommand {
    fn drop(&mut self) {
        match self.end {
            // The result of the file operation is not used any more.
            End::Awaited(_) if self.is_tool => {
                self.processes.try_send(&ToInit::Signal { command: self.number, signal: SIGKILL });
            }
            // A file operation starts no processes that could go on printing.
            _ if self.is_tool => {}
            _ => {
                for output in &mut self.outputs {
                    output.drain(self.processes.drain_limit());
                }
            }
        }
        self.processes.close_route(self.number);
    }
}

#[async_trait]
impl ContainerCommand for LocalContainerCommand {
    fn number(&self) -> u32 {
        self.number
    }

    async fn next_event(&mut self) -> Result<Option<CommandEvent>, SandboxError> {
        loop {
            let [stdout, stderr] = &mut self.outputs;
            let End::Awaited(events) = &mut self.end else { break };
            tokio::select! {
                event = stdout.next() => return event.map(Some),
                event = stderr.next() => return event.map(Some),
                event = events.recv() => match event {
                    Some(ProcessEvent::Exited(exited)) => self.end = End::Known(Some(exited)),
                    Some(_) => {}
                    None => self.end = End::Known(None),
                },
            }
        }
        for output in &mut self.outputs {
            if let Some(event) = output.take_rest().await? {
                return Ok(Some(event));
            }
        }
        match std::mem::replace(&mut self.end, End::Reported) {
            End::Known(Some(exited)) => Ok(Some(CommandEvent::Exited(exit(exited)))),
            End::Known(None) => Err(stopped()),
            End::Awaited(_) | End::Reported => Ok(None),
        }
    }
}

fn exit(exited: Exited) -> CommandExit {
    let status = match exited.status {
        Ok(code) => ExitStatus::Code(code),
        Err(signal) => ExitStatus::Signal(signal),
    };
    let usage = ResourceUsage {
        cpu: Some(Duration::from_micros(exited.cpu_micros)),
        max_memory_bytes: Some(exited.max_resident_bytes),
    };
    CommandExit { status, killed: None, usage }
}

/// Our end of a command's standard input.
pub(super) struct Input {
    pipe: Watched,
}

/// Makes a pipe for a command's standard input; returns the command's end and ours.
pub(super) fn input(io: &SandboxIo) -> io::Result<(OwnedFd, Input)> {
    let (theirs, ours) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // Only our end is non-blocking: the command's own end has to block when there is no input.
    rustix::io::ioctl_fionbio(ours.as_fd(), true)?;
    Ok((theirs, Input { pipe: Watched::new(SandboxFd::new(io, ours), Interest::WRITABLE)? }))
}

impl Input {
    /// Writes all bytes, as fast as the command reads them.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` when there is no reader any more.
    pub(super) async fn write_all(&self, bytes: Vec<u8>) -> io::Result<()> {
        // Shared with the thread that writes, so that no piece is copied.
        let (bytes, mut written) = (Arc::new(bytes), 0);
        while written < bytes.len() {
            let ready = self.pipe.writable().await?;
            let (pipe, piece, from) = (self.pipe.descriptor().clone(), Arc::clone(&bytes), written);
            let write = move |thread: &OnSandboxThread| {
                rustix::io::write(pipe.get(thread), piece.get(from..).unwrap_or_default())
            };
            match self.pipe.descriptor().io().run(write).await? {
                Ok(length) => written += length,
                Err(Errno::AGAIN) => ready.clear(),
                // The watchdog interrupts a write that a process of the container holds up.
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
