//! The questions of one sandbox, answered at a limited rate.
//!
//! A question that comes too early is held and answered when its time has come: its thread waits in the kernel until
//! then, and cannot ask anything else. No question is refused for lack of room, because the program would only repeat
//! it at once. A sandbox has at most as many open questions as threads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::desk::Desk;
use super::pace::Pace;
use super::question::Question;

/// How many questions are held before we first look for those of threads that have ended.
const FIRST_LOOK: usize = 1024;

/// The questions of one sandbox.
pub(super) struct Line {
    desk: Arc<Desk>,
    held: Mutex<Held>,
    /// The tasks that wait for connections; they end with the line.
    waits: Mutex<JoinSet<()>>,
    is_closed: AtomicBool,
}

struct Held {
    pace: Pace,
    questions: VecDeque<Question>,
    /// Whether a task answers the held questions.
    is_drained: bool,
    /// The number of held questions at which we next check which of them are still open.
    next_look: usize,
}

impl Line {
    pub(super) fn new(desk: Desk) -> Arc<Self> {
        let held = Held { pace: Pace::new(), questions: VecDeque::new(), is_drained: false, next_look: FIRST_LOOK };
        Arc::new(Self {
            desk: Arc::new(desk),
            held: Mutex::new(held),
            waits: Mutex::default(),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Answers a question, now or when its time has come.
    pub(super) fn take(self: &Arc<Self>, question: Question, runtime: &Handle) {
        let mut held = lock(&self.held);
        let now = Instant::now();
        if held.questions.is_empty() && !held.is_drained && held.pace.may_at(now) <= now {
            held.pace.count(now);
            drop(held);
            return self.deal_with(question, runtime);
        }
        if held.questions.len() >= held.next_look {
            // Removes those of threads that have ended meanwhile.
            held.questions.retain(Question::is_open);
            held.next_look = (held.questions.len() * 2).max(FIRST_LOOK);
        }
        held.questions.push_back(question);
        if !std::mem::replace(&mut held.is_drained, true) {
            let (line, runtime_of_line) = (Arc::clone(self), runtime.clone());
            let drain = async move { line.drain(&runtime_of_line).await };
            lock(&self.waits).spawn_on(drain, runtime);
        }
    }

    /// Ends it: held questions are not answered any more.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        let waits = std::mem::take(&mut *lock(&self.waits));
        drop(waits);
        lock(&self.held).questions.clear();
    }

    /// Answers the held questions, one after the other, each when its time has come.
    async fn drain(self: Arc<Self>, runtime: &Handle) {
        loop {
            let may = {
                let mut held = lock(&self.held);
                if held.questions.is_empty() {
                    held.is_drained = false;
                    return;
                }
                held.pace.may_at(Instant::now())
            };
            tokio::time::sleep_until(may).await;
            let question = {
                let mut held = lock(&self.held);
                let question = held.questions.pop_front();
                held.pace.count(Instant::now());
                question
            };
            if let Some(question) = question {
                self.deal_with(question, runtime);
            }
        }
    }

    fn deal_with(self: &Arc<Self>, question: Question, runtime: &Handle) {
        let (line, wait_on) = (Arc::clone(self), runtime.clone());
        let asked = question.clone();
        let begun = self.desk.io().begin(move |thread| {
            let waiting = lock(&line.waits).len();
            let Some(wait) = line.desk.deal_with(&question, waiting, thread) else { return };
            let mut waits = lock(&line.waits);
            while waits.try_join_next().is_some() {}
            if !line.is_closed.load(Ordering::Acquire) {
                waits.spawn_on(wait.finish(Arc::clone(&line.desk)), &wait_on);
            }
        });
        if begun.is_err() {
            // The sandbox keeps all of its threads busy.
            asked.answer(Err(rustix::io::Errno::AGAIN));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
