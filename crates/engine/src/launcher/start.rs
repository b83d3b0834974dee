//! How a process becomes the launcher.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use workers_engine_sys::{SingleThread, ignore_requests_to_end, install_as, keep_only};

use super::event_loop::Launcher;
use super::limits::skip_crash_handler;
use super::steps::null_device;

/// The first argument that turns a host program into the launcher.
pub(crate) const HOOK_ARGUMENT: &str = "__workers-sandbox-launcher";

/// The most bytes that a write to a pipe writes in one piece.
const PIPE_BUF: usize = 4096;

static HOOK_CALLED: AtomicBool = AtomicBool::new(false);

/// Turns this process into the sandbox launcher if it was started to be one; then it does not return. A program that
/// embeds the engine must call this first in `main`, before any thread exists.
pub fn run_launcher_if_asked() {
    HOOK_CALLED.store(true, Ordering::Release);
    if std::env::args_os().nth(1).is_some_and(|argument| argument == HOOK_ARGUMENT) {
        let code = i32::from(launcher_main() != ExitCode::SUCCESS);
        std::process::exit(code);
    }
}

/// Returns whether this program would become the launcher if it were started with [`HOOK_ARGUMENT`].
pub(crate) fn hook_was_called() -> bool {
    HOOK_CALLED.load(Ordering::Acquire)
}

/// The `main` of a program that is only the launcher. It expects its socket to the server as standard input.
#[must_use]
pub fn launcher_main() -> ExitCode {
    match try_main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            write_to_stderr(&format!("workers-sandbox-launcher: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard error, which is the server's; the launcher has no log. If the pipe is full because its reader has
/// stopped, the message is lost: waiting would keep the launcher from exiting.
fn write_to_stderr(message: &str) {
    let stderr = io::stderr();
    let mut waiting = [PollFd::new(&stderr, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    if matches!(poll(&mut waiting, Some(&at_once)), Ok(1)) {
        // A pipe that is writable takes so many bytes at once, without blocking.
        let message = message.as_bytes();
        let _ = rustix::io::write(stderr.as_fd(), message.get(..PIPE_BUF).unwrap_or(message));
    }
}

fn try_main() -> io::Result<()> {
    // Ctrl-C reaches every process of a terminal. The server decides what to do about it, and the launcher ends when
    // the server does.
    ignore_requests_to_end();
    // Before anything else is opened, so that nothing that the server had open by accident stays open here.
    keep_only(&[])?;
    let thread = SingleThread::check()?;
    let server = take(io::stdin().as_fd())?;
    if rustix::net::sockopt::socket_type(&server).ok() != Some(rustix::net::SocketType::SEQPACKET) {
        return Err(io::Error::other("this program is started by the server, not by hand"));
    }
    // Held until the end: a server that starts again waits for it, so that two launchers never work on one data
    // directory.
    let lock = take(io::stdout().as_fd())?;
    let null = null_device()?;
    install_as(null.as_fd(), 0)?;
    install_as(null.as_fd(), 1)?;
    rustix::process::chdir("/")?;
    skip_crash_handler();
    // So that the files of sandboxes have exactly the modes that they are made with, independent of the server's umask.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let result = Launcher::configure(thread, server)?.map_or(Ok(()), Launcher::run);
    drop(lock);
    result
}

fn take(descriptor: impl AsFd) -> io::Result<OwnedFd> {
    // Above the numbers of the standard streams, which become the null device and which every program inherits.
    Ok(rustix::io::fcntl_dupfd_cloexec(descriptor, 3)?)
}
