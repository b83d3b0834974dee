//! The threads, and how sandboxes share them.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use workers_engine_sys::ThreadId;

use super::deadline::{self, Deadline};
use super::kill_target::KillTarget;
use super::lock::lock;
use super::watchdog::{self, WatchedThread};

/// How many threads work for one sandbox at a time.
const MOST_OF_ONE: usize = 2;

/// How much work may wait for the threads of one sandbox. Each process, output and request of a sandbox has one piece
/// of work at a time, so only a sandbox that blocks both of its threads reaches the limit.
const MOST_WAITING: usize = 16 * 1024;

/// How long a thread without work stays.
const LINGER: Duration = Duration::from_secs(10);

/// Proof that the code runs on a thread of a sandbox, where it may block.
#[derive(Debug)]
pub(crate) struct OnSandboxThread(());

impl OnSandboxThread {
    /// Makes one for tests of such code.
    #[cfg(test)]
    pub(crate) const fn for_tests() -> Self {
        Self(())
    }
}

/// Runs work for one sandbox. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SandboxIo(Arc<Sandbox>);

/// A sandbox with its work.
struct Sandbox {
    queue: Mutex<Queue>,
    kill_target: Arc<KillTarget>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Work>,
    /// How many of those are calls whose result is waited for, unlike closing descriptors.
    calls: usize,
    /// How many threads work for it.
    threads: usize,
    /// Whether it is in the pool's list of sandboxes that have work and may have another thread.
    is_listed: bool,
}

enum Work {
    /// A call that should take only a moment.
    Quick(Box<dyn FnOnce(&OnSandboxThread) + Send>),
    /// A call that may take long; the watchdog does not interrupt it.
    Long(Box<dyn FnOnce(&OnSandboxThread) + Send>),
    /// A descriptor to close.
    Close(OwnedFd),
}

impl Work {
    const fn is_call(&self) -> bool {
        !matches!(self, Self::Close(_))
    }
}

impl fmt::Debug for SandboxIo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SandboxIo").field(&self.0.kill_target.name()).finish()
    }
}

impl SandboxIo {
    /// Makes one for the sandbox of this name. No thread works for it until there is work.
    pub(crate) fn new(name: &str) -> Self {
        Self(Arc::new(Sandbox { queue: Mutex::default(), kill_target: Arc::new(KillTarget::new(name)) }))
    }

    /// Sets the first process, which the watchdog kills when the sandbox blocks a thread for good.
    pub(crate) fn set_init(&self, pidfd: OwnedFd) {
        self.0.kill_target.set_init(pidfd);
    }

    /// Runs work that should take only a moment. If it blocks too long, its system call fails with `EINTR`.
    ///
    /// # Errors
    ///
    /// When too much work waits, or no thread can be started.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OnSandboxThread) -> T + Send + 'static,
    ) -> io::Result<T> {
        Self::outcome(self.begin(work)).await
    }

    /// Runs work that may take long, such as copying files.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub(crate) async fn run_long<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OnSandboxThread) -> T + Send + 'static,
    ) -> io::Result<T> {
        Self::outcome(self.begin_long(work)).await
    }

    /// Begins work that may take long, or that only the kernel can delay: no part of it waits for the sandbox. It is
    /// done even if the result is not used.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub(crate) fn begin_long<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OnSandboxThread) -> T + Send + 'static,
    ) -> io::Result<oneshot::Receiver<T>> {
        let (sender, receiver) = oneshot::channel();
        self.0.push(Work::Long(Box::new(move |thread| drop(sender.send(work(thread))))))?;
        Ok(receiver)
    }

    /// Begins work that should take only a moment. It is done even if the result is not used.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OnSandboxThread) -> T + Send + 'static,
    ) -> io::Result<oneshot::Receiver<T>> {
        let (sender, receiver) = oneshot::channel();
        // The receiver may have been dropped.
        self.0.push(Work::Quick(Box::new(move |thread| drop(sender.send(work(thread))))))?;
        Ok(receiver)
    }

    async fn outcome<T>(begun: io::Result<oneshot::Receiver<T>>) -> io::Result<T> {
        begun?.await.map_err(|_| io::Error::other("work for a sandbox broke off"))
    }

    /// Kills the sandbox after this time, unless the deadline is dropped before. It does not depend on the runtime.
    pub(crate) fn kill_after(&self, time: Duration) -> Deadline {
        deadline::kill_after(&self.0.kill_target, time)
    }

    /// Closes a descriptor.
    pub(super) fn close(&self, descriptor: OwnedFd) {
        // Not `push`: also when too much work waits, the descriptor must be closed at some time.
        self.0.add(Work::Close(descriptor));
    }
}

impl Sandbox {
    fn push(self: &Arc<Self>, work: Work) -> io::Result<()> {
        // Two callers at once can exceed the limit by one, which does no harm.
        if lock(&self.queue).waiting.len() >= MOST_WAITING {
            return Err(io::Error::other("the sandbox keeps the threads that work for it busy"));
        }
        self.add(work);
        Ok(())
    }

    fn add(self: &Arc<Self>, work: Work) {
        let is_new = {
            let mut queue = lock(&self.queue);
            let is_call = work.is_call();
            queue.waiting.push_back(work);
            queue.calls += usize::from(is_call);
            // Closing can wait until the thread that works now has time for it.
            let most = if is_call { MOST_OF_ONE } else { 1 };
            let may_have_another = queue.threads < most && !queue.is_listed;
            queue.is_listed |= may_have_another;
            may_have_another
        };
        if is_new {
            Pool::get().list(Arc::clone(self));
        }
    }

    /// Does all work that waits.
    fn work_off(self: &Arc<Self>, watched_thread: &WatchedThread) {
        let thread = OnSandboxThread(());
        loop {
            let (work, wants_another) = {
                let mut queue = lock(&self.queue);
                let Some(work) = queue.waiting.pop_front() else {
                    queue.threads -= 1;
                    return;
                };
                queue.calls -= usize::from(work.is_call());
                let wants_another = queue.calls > 0 && queue.threads < MOST_OF_ONE && !queue.is_listed;
                queue.is_listed |= wants_another;
                (work, wants_another)
            };
            if wants_another {
                // The work that this thread does next may block.
                Pool::get().list(Arc::clone(self));
            }
            let is_long = matches!(work, Work::Long(_));
            let done = || match work {
                Work::Quick(work) | Work::Long(work) => work(&thread),
                Work::Close(descriptor) => drop(descriptor),
            };
            let watched = (!is_long).then(|| watched_thread.watch(&self.kill_target));
            // After a panic the dropped sender reports the failure, and the thread goes on.
            let _ = catch_unwind(AssertUnwindSafe(done));
            drop(watched);
        }
    }
}

/// All threads.
struct Pool {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    /// Sandboxes with work that may have another thread.
    listed: VecDeque<Arc<Sandbox>>,
    idle: usize,
}

impl Pool {
    fn get() -> &'static Self {
        static POOL: OnceLock<Pool> = OnceLock::new();
        POOL.get_or_init(|| Self { state: Mutex::default(), work: Condvar::new() })
    }

    fn list(&'static self, sandbox: Arc<Sandbox>) {
        let needs_thread = {
            let mut state = lock(&self.state);
            state.listed.push_back(sandbox);
            state.listed.len() > state.idle
        };
        if needs_thread {
            let started = std::thread::Builder::new().name("sandbox-io".to_owned()).spawn(|| self.run_thread());
            if let Err(error) = started {
                // A busy thread takes the work over when it has done its own.
                tracing::warn!(error = %error, "a thread for the system calls of sandboxes cannot be started");
            }
        }
        self.work.notify_one();
    }

    /// The main loop of a thread.
    fn run_thread(&self) {
        let watched_thread = watchdog::register(ThreadId::current());
        while let Some(sandbox) = self.next() {
            let mut queue = lock(&sandbox.queue);
            queue.is_listed = false;
            queue.threads += 1;
            drop(queue);
            sandbox.work_off(&watched_thread);
        }
    }

    /// Returns the next sandbox with work; `None` when there has been none for [`LINGER`].
    fn next(&self) -> Option<Arc<Sandbox>> {
        let mut state = lock(&self.state);
        state.idle += 1;
        loop {
            if let Some(sandbox) = state.listed.pop_front() {
                state.idle -= 1;
                return Some(sandbox);
            }
            let (waited, result) = self.work.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            state = waited;
            // Work may have been listed just when the time ran out, and its notification is not sent again.
            if result.timed_out() && state.listed.is_empty() {
                state.idle -= 1;
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::*;

    /// Longer than the watchdog lets a call of a sandbox take.
    const TOO_LONG: Duration = Duration::from_millis(3500);

    #[tokio::test]
    async fn only_a_call_that_a_sandbox_could_hold_up_costs_it_its_life_when_it_takes_too_long() {
        for (is_long, lives) in [(true, true), (false, false)] {
            let mut child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
            let io = SandboxIo::new("test");
            let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
            io.set_init(pidfd_open(pid, PidfdFlags::empty()).unwrap());
            let work = |_: &OnSandboxThread| std::thread::sleep(TOO_LONG);
            if is_long { io.run_long(work).await } else { io.run(work).await }.unwrap();
            if lives {
                assert_eq!(child.try_wait().unwrap(), None);
                child.kill().unwrap();
            }
            assert_eq!(child.wait().unwrap().signal(), Some(9));
        }
    }
}
