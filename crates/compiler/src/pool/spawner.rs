//! The thread that starts compiler processes and reaps them.
//!
//! Both take time, so they must not run on an async thread. Also, the kernel kills a process whose parent *thread*
//! ends, if the process has requested to die with its parent. The parent therefore is a thread that lives as long as
//! the pool, and all remaining processes end with it.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Span;

use super::exit_cause::{self, ExitCause};
use crate::hook::HOOK_ARGUMENT;
use crate::{CompilerOptions, CompilerProgram};

/// How often the thread checks whether killed processes have exited. What takes time is returning their memory.
const REAP_INTERVAL: Duration = Duration::from_millis(20);
/// The current program, even if its file has been replaced by another version.
const OWN_PROGRAM: &str = "/proc/self/exe";
/// The name of the processes in process lists.
const PROCESS_NAME: &str = "workers-compiler";

/// A handle of the thread. The thread ends when the last handle is dropped, and its remaining children end with it.
#[derive(Clone)]
pub(super) struct Spawner {
    requests: mpsc::Sender<Request>,
}

enum Request {
    Start(oneshot::Sender<io::Result<Child>>),
    Reap(Child, Exit),
}

/// Why a process ends.
pub(super) enum Exit {
    /// The pool ends it.
    Requested,
    /// It exited unexpectedly or sent an invalid message, which is the error. The cause is sent to the receiver, and
    /// logged in the span of the request that the process worked for.
    Unexpected(io::Error, oneshot::Sender<ExitCause>, Span),
}

impl Spawner {
    /// Starts the thread.
    pub(super) fn open(options: &CompilerOptions) -> io::Result<Self> {
        let (requests, received) = mpsc::channel();
        let program = match &options.program {
            CompilerProgram::CurrentExe => PathBuf::from(OWN_PROGRAM),
            CompilerProgram::Path(path) => path.clone(),
        };
        let CompilerOptions { memory_bytes, newer_node, .. } = *options;
        std::thread::Builder::new()
            .name("compilers".to_owned())
            .spawn(move || work(&received, || start(&program, memory_bytes, newer_node), memory_bytes))?;
        Ok(Self { requests })
    }

    /// Starts a process.
    pub(super) async fn start(&self) -> io::Result<Child> {
        let ended = || io::Error::other("the thread that starts processes has ended");
        let (sender, started) = oneshot::channel();
        self.requests.send(Request::Start(sender)).map_err(|_| ended())?;
        started.await.map_err(|_| ended())?
    }

    /// Kills a process at once and hands it over to be reaped.
    pub(super) fn kill_and_reap(&self, mut child: Child, exit: Exit) {
        // Killed on the thread of the caller, because the other thread may be busy starting a process. Fails if the
        // process has exited already.
        let _ = child.kill();
        // Fails if the thread has ended; then the kernel has killed the child with it.
        let _ = self.requests.send(Request::Reap(child, exit));
    }
}

fn work(requests: &mpsc::Receiver<Request>, start: impl Fn() -> io::Result<Child>, memory_bytes: u64) {
    let mut exiting: Vec<(Child, Exit)> = Vec::new();
    loop {
        // Only processes that exit are worth a timeout: without them, the thread sleeps until the next request.
        let request = if exiting.is_empty() {
            requests.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            requests.recv_timeout(REAP_INTERVAL)
        };
        match request {
            Ok(Request::Start(sender)) => {
                if let Err(Ok(mut unwanted)) = sender.send(start()) {
                    // The caller no longer waits for it.
                    let _ = unwanted.kill();
                    exiting.push((unwanted, Exit::Requested));
                }
            }
            Ok(Request::Reap(child, exit)) => exiting.push((child, exit)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                for (mut child, exit) in exiting {
                    // May block, because there are no more requests. All children were killed before.
                    let status = child.wait();
                    report(&mut child, status, exit, memory_bytes);
                }
                return;
            }
        }
        exiting = exiting.into_iter().filter_map(|exiting| reap(exiting, memory_bytes)).collect();
    }
}

/// Reaps a process that has exited. Returns it if it has not exited yet.
fn reap((mut child, exit): (Child, Exit), memory_bytes: u64) -> Option<(Child, Exit)> {
    let status = match child.try_wait() {
        Ok(None) => return Some((child, exit)),
        Ok(Some(status)) => Ok(status),
        Err(error) => Err(error),
    };
    report(&mut child, status, exit, memory_bytes);
    None
}

fn report(child: &mut Child, status: io::Result<ExitStatus>, exit: Exit, memory_bytes: u64) {
    if let Exit::Unexpected(error, sender, span) = exit {
        let _entered = span.entered();
        let cause = status.as_ref().map_or(ExitCause::Unknown, |status| {
            exit_cause::cause(*status, &exit_cause::stderr_of(child), memory_bytes)
        });
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        tracing::warn!(process.id = child.id(), status, error = %error, ?cause, "a compiler process died while it compiled");
        // The caller may no longer wait for the cause.
        let _ = sender.send(cause);
    }
}

fn start(program: &Path, memory_bytes: u64, newer_node: bool) -> io::Result<Child> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", program.display()));
    Command::new(program)
        .arg0(PROCESS_NAME)
        // The process compares this id with that of its parent, to notice that the server is gone.
        .args([HOOK_ARGUMENT.to_owned(), std::process::id().to_string(), memory_bytes.to_string()])
        .arg(u8::from(newer_node).to_string())
        // The environment may hold secrets: the admin token, and the password in `DATABASE_URL`.
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Regular messages come with the responses. What the runtime prints before an abort is evidence, and only this
        // program reads it: a user's text must not get into the server's log.
        .stderr(Stdio::piped())
        .spawn()
        .map_err(named)
}
