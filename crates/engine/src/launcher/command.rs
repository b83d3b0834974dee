//! How the sandbox's first process starts a command.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::Pid;
use workers_engine_sys::{
    CommandImage, SingleThread, exec, exit_now, fork_process, install_as, keep_only, reset_signals, unblock_signals,
};

use super::steps::null_device;
use super::tools;
use super::user::User;
use crate::environment;
use crate::message::{InContainer, RunCommand};

/// The data that is the same for all commands of a sandbox.
pub(super) struct CommandDefaults {
    thread: SingleThread,
    pub(super) null: OwnedFd,
    pub(super) is_isolated: bool,
    environment: Vec<(String, String)>,
}

/// Input and outputs of a command. Without an input the command reads from `/dev/null`.
pub(super) struct Streams {
    pub(super) input: Option<OwnedFd>,
    pub(super) outputs: [OwnedFd; 2],
}

impl Streams {
    /// Takes the descriptors as they are passed: the two outputs, preceded by the input if there is one.
    pub(super) fn new(mut passed: Vec<OwnedFd>) -> io::Result<Self> {
        let outputs = passed.split_off(passed.len().saturating_sub(2));
        let outputs = outputs.try_into().map_err(|_| io::Error::other("a command without its two outputs"))?;
        Ok(Self { input: passed.pop(), outputs })
    }
}

/// Why a command does not run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotStarted {
    pub(super) errno: i32,
    /// Whether the working directory could not be entered.
    pub(super) in_directory: bool,
}

impl NotStarted {
    fn new(error: &io::Error, in_directory: bool) -> Self {
        Self { errno: error.raw_os_error().unwrap_or_default(), in_directory }
    }
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        Self::new(&error, false)
    }
}

/// A process that is about to become a command. It may take any time, because the init does not wait for it and can
/// kill it.
pub(super) struct Starting {
    pub(super) pid: Pid,
    report: OwnedFd,
}

impl AsFd for Starting {
    /// Readable when the result of the start is available.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }
}

impl Starting {
    /// Returns the result of the start. Does not block if the descriptor is readable or the process has ended.
    pub(super) fn outcome(&self) -> Result<(), NotStarted> {
        // When the program runs, the pipe closes without any bytes in it.
        let mut report = [0; 5];
        match rustix::io::retry_on_intr(|| rustix::io::read(&self.report, &mut report)) {
            // A pipe passes a write this short in one piece, so there are all five bytes or none.
            Ok(5) => {
                let [a, b, c, d, in_directory] = report;
                Err(NotStarted { errno: i32::from_ne_bytes([a, b, c, d]), in_directory: in_directory != 0 })
            }
            _ => Ok(()),
        }
    }
}

impl CommandDefaults {
    pub(super) fn new(thread: SingleThread, is_isolated: bool, node: &str) -> io::Result<Self> {
        let null = null_device()?;
        let mut environment = environment::of_worker();
        if !is_isolated && let Some(directory) = Path::new(node).parent() {
            // The host's node may lie anywhere, and no root with node at a fixed place has been made.
            environment[0].1 = format!("{}:/usr/local/bin:/usr/bin:/bin", directory.display());
        }
        Ok(Self { thread, null, is_isolated, environment })
    }
}

/// Forks a process that becomes the command.
pub(super) fn start(
    defaults: &CommandDefaults,
    run: &RunCommand,
    work: &OwnedFd,
    streams: &Streams,
) -> Result<Starting, NotStarted> {
    let usual = match &run.container {
        Some(order) => User::of(order.as_root).environment(),
        None => defaults.environment.clone(),
    };
    let environment = environment::with(usual, &run.env);
    let path = environment.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
    let candidates = if run.program.contains('/') {
        vec![run.program.clone()]
    } else {
        // By the command's own `PATH`. `execvp` would search the one of this process.
        path.split(':').map(|directory| format!("{directory}/{}", run.program)).collect()
    };
    let arguments = [run.program.clone()].into_iter().chain(run.args.iter().cloned()).collect();
    let environment = environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let image = CommandImage::new(candidates, arguments, environment)
        // A text contains NUL. The report has room for an error number only.
        .map_err(|_| io::Error::from_raw_os_error(rustix::io::Errno::INVAL.raw_os_error()))?;

    let (report, fail) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(io::Error::from)?;
    let Some(pid) = fork_process(defaults.thread)? else {
        let reason = become_command(defaults, run.container.as_ref(), &image, work, streams, &fail);
        let [a, b, c, d] = reason.errno.to_ne_bytes();
        // Fails if the init is gone; then no process waits for the reason.
        let _ = rustix::io::write(&fail, &[a, b, c, d, u8::from(reason.in_directory)]);
        exit_now(127)
    };
    Ok(Starting { pid, report })
}

/// Runs in the child: closes everything of the init's, and executes the program. Returns only if the program does not
/// run, with the reason.
fn become_command(
    defaults: &CommandDefaults,
    container: Option<&InContainer>,
    image: &CommandImage,
    work: &OwnedFd,
    streams: &Streams,
    fail: &OwnedFd,
) -> NotStarted {
    let prepared = || -> Result<(), NotStarted> {
        let plain = |error: rustix::io::Errno| NotStarted::from(io::Error::from(error));
        // A session of its own, so that its process group can be signalled and it has no controlling terminal.
        rustix::process::setsid().map_err(plain)?;
        rustix::process::fchdir(work).map_err(plain)?;
        let [stdout, stderr] = &streams.outputs;
        install_as(streams.input.as_ref().unwrap_or(&defaults.null).as_fd(), 0)?;
        install_as(stdout.as_fd(), 1)?;
        install_as(stderr.as_fd(), 2)?;
        rustix::process::umask(Mode::from_raw_mode(0o022));
        unblock_signals();
        // Before any path is walked, because a path may lead through `/proc/self/fd`.
        keep_only(&[fail.as_fd()])?;
        reset_signals();
        let Some(order) = container else { return Ok(()) };
        let user = User::of(order.as_root);
        // Before the directory is entered, so that the user's own rights decide whether it may be.
        user.take()?;
        let directory = order.directory.as_deref().unwrap_or(user.start);
        rustix::process::chdir(directory).map_err(|error| NotStarted::new(&error.into(), true))
    };
    if let Err(reason) = prepared() {
        return reason;
    }
    if let Some(tool) = container.and_then(|order| order.tool.as_ref()) {
        // Closes everything but the streams. That also closes the pipe, which reports that the command runs.
        match keep_only(&[]) {
            Ok(()) => exit_now(tools::run(tool)),
            Err(error) => return error.into(),
        }
    }
    exec(image).into()
}
