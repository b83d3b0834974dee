//! The files and processes of a sandbox.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Mutex;
use tracing::Instrument as _;
use workers_domain::ports::KillReason;
use workers_domain::{NetworkPolicy, ResourceLimits, SandboxId};

use super::parked_child::ParkedChild;
use super::processes::SandboxProcesses;
use super::zygote::Zygote;
use crate::data_dir_root::remove;
use crate::pressure::MemoryWatch;
use crate::server::blocking;
use crate::snapshot::{Lease, Staging};

/// What belongs to one sandbox alone. When it is dropped, its processes are killed, and its files are removed.
#[derive(Debug)]
pub(crate) struct SandboxResources {
    pub(super) id: SandboxId,
    pub(super) limits: ResourceLimits,
    /// The policy for its network. It is set when the sandbox is used, which may be some time after it was made.
    pub(super) network: NetworkPolicy,
    pub(super) directory: PathBuf,
    pub(super) made_at: Instant,
    /// Measures how long processes have waited for memory since the last program was started.
    pub(super) memory: MemoryWatch,
    /// An asynchronous lock, because no other operation may run while the first command is being started.
    pub(super) state: Mutex<SandboxState>,
}

/// What a sandbox consists of now.
#[derive(Debug)]
pub(super) enum SandboxState {
    /// Nothing has run yet. The staging is `None` while a blocking thread writes files to it.
    Staged(Option<Staging>),
    /// Its processes, the number of the next command, the content it was made from, and a parked child, or the zygote
    /// of a sandbox that is kept.
    Running {
        processes: Arc<SandboxProcesses>,
        next_command: u32,
        lease: Option<Lease>,
        parked: Option<ParkedChild>,
        zygote: Option<Zygote>,
    },
    /// Nothing runs, and no files are left.
    Stopped,
}

impl SandboxResources {
    /// Takes a directory, which need not exist yet, for a new sandbox.
    pub(super) fn new(
        id: SandboxId,
        directory: PathBuf,
        limits: ResourceLimits,
        network: NetworkPolicy,
        state: SandboxState,
    ) -> Self {
        let (made_at, memory, state) = (Instant::now(), MemoryWatch::default(), Mutex::new(state));
        Self { id, limits, network, directory, made_at, memory, state }
    }
}

impl SandboxResources {
    /// Returns whether a run waits in it.
    pub(super) fn is_waiting(&mut self) -> bool {
        match self.state.get_mut() {
            SandboxState::Running { processes, zygote: Some(zygote), .. } => {
                !processes.has_ended() && !zygote.is_broken()
            }
            _ => false,
        }
    }
}

impl Drop for SandboxResources {
    fn drop(&mut self) {
        let state = std::mem::replace(self.state.get_mut(), SandboxState::Stopped);
        if matches!(state, SandboxState::Stopped) {
            return;
        }
        // At once: a command that is still held would keep the processes alive otherwise.
        if let SandboxState::Running { processes, .. } = &state {
            processes.kill(KillReason::Requested);
        }
        let directory = std::mem::take(&mut self.directory);
        let clear = async move {
            if let SandboxState::Running { processes, .. } = &state {
                // Until then its processes could still write below the directory.
                processes.wait().await;
            }
            if let Err(error) = blocking("files cannot be removed", move || remove(&directory)).await {
                tracing::warn!(error = %error, "a dropped sandbox's files could not be removed; the next start removes them");
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(clear.in_current_span());
        }
    }
}
