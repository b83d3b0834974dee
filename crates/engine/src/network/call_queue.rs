//! The queue of one sandbox's calls. It limits the rate at which they are handled.
//!
//! A call above the rate waits in the queue: its thread stays in the kernel until then and can make no other call. No
//! call is refused for lack of room, because the program would only repeat it at once. The queue is bounded all the
//! same: a sandbox has at most as many pending calls as threads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::call_handler::CallHandler;
use super::pending_call::PendingCall;
use super::rate_limiter::RateLimiter;

/// The length of the queue at which we first remove the calls of threads that have ended.
const FIRST_PRUNE: usize = 1024;

/// The queue of one sandbox's calls.
pub(super) struct CallQueue {
    handler: Arc<CallHandler>,
    state: Mutex<State>,
    /// The tasks that drain the queue and complete connections; they end with the queue.
    tasks: Mutex<JoinSet<()>>,
    is_closed: AtomicBool,
}

struct State {
    limiter: RateLimiter,
    calls: VecDeque<PendingCall>,
    /// Whether a task drains the queue.
    is_draining: bool,
    /// The length at which we next remove the calls of threads that have ended.
    next_prune: usize,
}

impl CallQueue {
    pub(super) fn new(handler: CallHandler) -> Arc<Self> {
        let state =
            State { limiter: RateLimiter::new(), calls: VecDeque::new(), is_draining: false, next_prune: FIRST_PRUNE };
        Arc::new(Self {
            handler: Arc::new(handler),
            state: Mutex::new(state),
            tasks: Mutex::default(),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Handles a call now if the rate permits it, and otherwise adds it to the queue.
    pub(super) fn push(self: &Arc<Self>, call: PendingCall, runtime: &Handle) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        // A call never overtakes those that wait; `drain` may have taken the last of these and not handled it yet.
        if state.calls.is_empty() && !state.is_draining && state.limiter.ready_at(now) <= now {
            state.limiter.record(now);
            drop(state);
            return self.handle(call, runtime);
        }
        if state.calls.len() >= state.next_prune {
            state.calls.retain(PendingCall::is_pending);
            // Doubled, so that a long queue of calls that all wait is not searched again for each new call.
            state.next_prune = (state.calls.len() * 2).max(FIRST_PRUNE);
        }
        state.calls.push_back(call);
        if !std::mem::replace(&mut state.is_draining, true) {
            let (queue, runtime_of_queue) = (Arc::clone(self), runtime.clone());
            let drain = async move { queue.drain(&runtime_of_queue).await };
            lock(&self.tasks).spawn_on(drain, runtime);
        }
    }

    /// Closes it: calls that are not handled yet get no response any more.
    pub(super) fn close(&self) {
        // First, so that `handle` does not add a task after the tasks were taken.
        self.is_closed.store(true, Ordering::Release);
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        drop(tasks);
        lock(&self.state).calls.clear();
    }

    /// Handles the calls in the queue one after the other, at the permitted rate, until the queue is empty.
    async fn drain(self: Arc<Self>, runtime: &Handle) {
        loop {
            let ready_at = {
                let mut state = lock(&self.state);
                if state.calls.is_empty() {
                    // Under the lock of the check, so that a call that comes after it starts another task.
                    state.is_draining = false;
                    return;
                }
                state.limiter.ready_at(Instant::now())
            };
            tokio::time::sleep_until(ready_at).await;
            let call = {
                let mut state = lock(&self.state);
                let call = state.calls.pop_front();
                state.limiter.record(Instant::now());
                call
            };
            if let Some(call) = call {
                self.handle(call, runtime);
            }
        }
    }

    /// Handles a call on a thread of the sandbox, and completes it in a task if it has to wait.
    fn handle(self: &Arc<Self>, call: PendingCall, runtime: &Handle) {
        let (queue, task_runtime) = (Arc::clone(self), runtime.clone());
        let refused = call.clone();
        let begun = self.handler.io().begin(move |thread| {
            let waiting = lock(&queue.tasks).len();
            let Some(connect) = queue.handler.handle(&call, waiting, thread) else { return };
            let mut tasks = lock(&queue.tasks);
            // A `JoinSet` keeps tasks that have ended until they are joined.
            while tasks.try_join_next().is_some() {}
            if !queue.is_closed.load(Ordering::Acquire) {
                tasks.spawn_on(connect.complete(Arc::clone(&queue.handler)), &task_runtime);
            }
        });
        if begun.is_err() {
            // The sandbox keeps all of its threads busy.
            refused.respond(Err(rustix::io::Errno::AGAIN));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
