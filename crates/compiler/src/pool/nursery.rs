//! The thread that starts compiler processes and reaps them.
//!
//! Both take time, which no async thread has. And the kernel kills a process whose parent *thread* ends, if it has
//! asked to die with its parent: so the parent is a thread that lives as long as the pool, and with it end all
//! processes that might still be there.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Span;

use super::death::{self, Cause};
use crate::hook::HOOK_ARGUMENT;
use crate::{CompilerOptions, CompilerProgram};

/// How often the thread looks whether the dying are dead. They have been killed; what takes time is giving their memory
/// back.
const REAP_INTERVAL: Duration = Duration::from_millis(20);
/// This program, even if its file was replaced by another version meanwhile.
const OWN_PROGRAM: &str = "/proc/self/exe";
/// What a process is called in lists.
const PROCESS_NAME: &str = "workers-compiler";

/// The way to the thread. It ends, and its last children with it, when nobody knows the way any more.
#[derive(Clone)]
pub(super) struct Nursery {
    orders: mpsc::Sender<Order>,
}

enum Order {
    Start(oneshot::Sender<io::Result<Child>>),
    Bury(Child, Death),
}

/// Why a process ends.
pub(super) enum Death {
    /// We want it to.
    Wanted,
    /// It ended by itself, or spoke nonsense, which is the error. What it died of is to be told, and logged in the span
    /// of the request that it worked for.
    Surprising(io::Error, oneshot::Sender<Cause>, Span),
}

impl Nursery {
    /// Starts the thread.
    pub(super) fn open(options: &CompilerOptions) -> io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let program = match &options.program {
            CompilerProgram::CurrentExe => PathBuf::from(OWN_PROGRAM),
            CompilerProgram::Path(path) => path.clone(),
        };
        let CompilerOptions { memory_bytes, newer_node, .. } = *options;
        std::thread::Builder::new()
            .name("compilers".to_owned())
            .spawn(move || work(&received, || start(&program, memory_bytes, newer_node), memory_bytes))?;
        Ok(Self { orders })
    }

    /// Starts a process.
    pub(super) async fn start(&self) -> io::Result<Child> {
        let ended = || io::Error::other("the thread that starts processes has ended");
        let (sender, started) = oneshot::channel();
        self.orders.send(Order::Start(sender)).map_err(|_| ended())?;
        started.await.map_err(|_| ended())?
    }

    /// Kills a process at once, and has it reaped.
    pub(super) fn bury(&self, mut child: Child, death: Death) {
        // Fails when it is dead.
        let _ = child.kill();
        // Fails when the thread has ended, and then the child has died with it.
        let _ = self.orders.send(Order::Bury(child, death));
    }
}

fn work(orders: &mpsc::Receiver<Order>, start: impl Fn() -> io::Result<Child>, memory_bytes: u64) {
    let mut dying: Vec<(Child, Death)> = Vec::new();
    loop {
        let order = if dying.is_empty() {
            orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            orders.recv_timeout(REAP_INTERVAL)
        };
        match order {
            Ok(Order::Start(sender)) => {
                if let Err(Ok(mut unwanted)) = sender.send(start()) {
                    // Whoever asked has gone.
                    let _ = unwanted.kill();
                    dying.push((unwanted, Death::Wanted));
                }
            }
            Ok(Order::Bury(child, death)) => dying.push((child, death)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                for (mut child, death) in dying {
                    let status = child.wait();
                    report(&mut child, status, death, memory_bytes);
                }
                return;
            }
        }
        dying = dying.into_iter().filter_map(|dying| reap(dying, memory_bytes)).collect();
    }
}

/// Gives back what is not dead yet.
fn reap((mut child, death): (Child, Death), memory_bytes: u64) -> Option<(Child, Death)> {
    let status = match child.try_wait() {
        Ok(None) => return Some((child, death)),
        Ok(Some(status)) => Ok(status),
        Err(error) => Err(error),
    };
    report(&mut child, status, death, memory_bytes);
    None
}

fn report(child: &mut Child, status: io::Result<ExitStatus>, death: Death, memory_bytes: u64) {
    if let Death::Surprising(error, asked, span) = death {
        let _entered = span.entered();
        let cause = status
            .as_ref()
            .map_or(Cause::Unknown, |status| death::cause(*status, &death::last_words(child), memory_bytes));
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        tracing::warn!(process.id = child.id(), status, error = %error, ?cause, "a compiler process died while it compiled");
        // The source's owner may have gone.
        let _ = asked.send(cause);
    }
}

fn start(program: &Path, memory_bytes: u64, newer_node: bool) -> io::Result<Child> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", program.display()));
    Command::new(program)
        .arg0(PROCESS_NAME)
        .args([HOOK_ARGUMENT.to_owned(), std::process::id().to_string(), memory_bytes.to_string()])
        .arg(u8::from(newer_node).to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // What there is to say comes with the answers. What its runtime says before it aborts is evidence, and read by
        // this program only: a stranger's text has no business in the server's log.
        .stderr(Stdio::piped())
        .spawn()
        .map_err(named)
}
