//! Idle processes, which wait for a source.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::process::CompilerProcess;

/// How long a process stays idle while another one is idle too.
pub(super) const IDLE_TIME: Duration = Duration::from_secs(10);

/// The idle processes. The one that has waited longest comes first.
#[derive(Default)]
pub(super) struct IdleProcesses {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    processes: Vec<(Instant, CompilerProcess)>,
    /// Whether a task will end processes that wait too long.
    watched: bool,
}

impl IdleProcesses {
    /// Adds a process. Returns whether the caller has to start a task that takes the [surplus](Self::take_surplus).
    pub(super) fn push(&self, process: CompilerProcess) -> bool {
        let mut waiting = self.lock();
        waiting.processes.push((Instant::now(), process));
        let watch = waiting.processes.len() > 1 && !waiting.watched;
        waiting.watched |= watch;
        watch
    }

    /// Takes the process that was used last, so that the others can become old and end.
    pub(super) fn pop(&self) -> Option<CompilerProcess> {
        self.lock().processes.pop().map(|(_, process)| process)
    }

    /// Removes the processes that cannot take a source, each with the reason.
    pub(super) fn take_defective(&self) -> Vec<(CompilerProcess, &'static str)> {
        let mut waiting = self.lock();
        let mut defective = Vec::new();
        for (since, mut process) in std::mem::take(&mut waiting.processes) {
            match process.defect() {
                None => waiting.processes.push((since, process)),
                Some(defect) => defective.push((process, defect)),
            }
        }
        defective
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().processes.is_empty()
    }

    /// Removes the processes that have waited too long, except the last one. Returns whether to check again later.
    pub(super) fn take_surplus(&self) -> (Vec<CompilerProcess>, bool) {
        let mut waiting = self.lock();
        // One always stays, so that the first deploy after a quiet time does not wait for a start.
        let spare = waiting.processes.len().saturating_sub(1);
        // The order is by age, so the first one that is young enough ends the search.
        let old = waiting.processes[..spare].iter().take_while(|(since, _)| since.elapsed() >= IDLE_TIME).count();
        let surplus = waiting.processes.drain(..old).map(|(_, process)| process).collect();
        waiting.watched = waiting.processes.len() > 1;
        (surplus, waiting.watched)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // The lock is held for single statements only, so a panic elsewhere leaves no inconsistent state.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
