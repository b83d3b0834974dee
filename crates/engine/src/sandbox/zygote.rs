//! A zygote, as the server sees it: it has loaded a script in a sandbox that is kept, and a run of it waits there.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use workers_domain::ports::{CommandSpec, NodeScript, SandboxError};

use super::parked_child::ParkedChild;
use super::processes::{SandboxProcesses, stopped};
use super::program::{program_of, run_of};
use crate::fault::refused;
use crate::message::{FromInit, NodeProgram, ToInit, ZygoteState};
use crate::server::channel::Channel;
use crate::server::connection::ChildEvent;
use crate::wire;

/// How long a script may take to load ahead of its runs.
const LOAD_PATIENCE: Duration = Duration::from_secs(3);

/// How long a run with an outcome may take to end by itself. Usually it has nothing else to do, and an order to kill it
/// would only cost time.
const END_PATIENCE: Duration = Duration::from_millis(5);

/// How long a sandbox may take after a run until it can be used again.
const RENEW_PATIENCE: Duration = Duration::from_millis(500);

/// A zygote that has loaded its script.
#[derive(Debug)]
pub(super) struct Zygote {
    script: NodeScript,
    programs: Arc<Channel>,
    states: mpsc::Receiver<ZygoteState>,
    /// Resolves when the zygote ends. The launcher reports that only while this receiver is there.
    _ended: oneshot::Receiver<ChildEvent>,
    /// Whether a run of it has begun since [`ZygoteState::Ready`] was received last.
    has_run: bool,
    /// The number of the run that waits or runs, as a command. Init counts, too.
    run: u32,
    /// Whether the server has done something else in the sandbox, which the state that init reports does not cover.
    is_spoiled: bool,
}

/// What came of loading a script.
pub(super) enum Loaded {
    /// A run of it waits.
    Ready(Zygote),
    /// Each run has to load it itself.
    Unfit(String),
}

impl Zygote {
    /// Lets a parked child load a script as a zygote, and waits until a run of it waits for its program.
    pub(super) async fn load(
        processes: &Arc<SandboxProcesses>,
        child: ParkedChild,
        script: NodeScript,
    ) -> Result<Loaded, SandboxError> {
        let failed = |error: io::Error| refused("the channel of a zygote", &error);
        let Some(program) = program_of(&script) else {
            return Ok(Loaded::Unfit("its variables need a fresh node".to_owned()));
        };
        let (for_init, for_zygote) = wire::channel().map_err(failed)?;
        let mut states = processes.open_zygote_route();
        match processes.request(&ToInit::TakeZygote, &[for_init]).await? {
            FromInit::ZygoteTaken => {}
            _ => return Err(stopped()),
        }
        let (programs, mut ended) = child.load(&program, for_zygote.as_fd()).await.map_err(failed)?;
        drop(for_zygote);
        let state = tokio::select! {
            // First, because a zygote that gives up ends after that.
            biased;
            state = states.recv() => state,
            _ = &mut ended => states.try_recv().ok(),
            () = tokio::time::sleep(LOAD_PATIENCE) => {
                return Ok(Loaded::Unfit(format!("it does not load within {LOAD_PATIENCE:?}")));
            }
        };
        Ok(match state {
            Some(ZygoteState::Ready) => {
                let programs = Arc::new(programs);
                Loaded::Ready(Self {
                    script,
                    programs,
                    states,
                    _ended: ended,
                    has_run: false,
                    run: 1,
                    is_spoiled: false,
                })
            }
            Some(ZygoteState::Unfit { reason }) => Loaded::Unfit(reason),
            Some(ZygoteState::Changed { what }) => Loaded::Unfit(format!("loading it changes something: {what}")),
            None => Loaded::Unfit("the process that loads it ends".to_owned()),
        })
    }

    /// Begins the run that waits. Returns its number, the channel on which it receives its program, and the program;
    /// `None` if the command is not the script, or no run waits.
    pub(super) fn begin(&mut self, spec: &CommandSpec) -> Option<(u32, Arc<Channel>, NodeProgram)> {
        let program = run_of(&self.script, spec).filter(|_| !self.has_run)?;
        self.has_run = true;
        Some((self.run, Arc::clone(&self.programs), program))
    }

    /// Returns whether something has happened to it while it waited for a run.
    pub(super) fn is_broken(&mut self) -> bool {
        // While a run waits, init reports nothing unless the zygote has ended.
        !matches!(self.states.try_recv(), Err(mpsc::error::TryRecvError::Empty))
    }

    /// Notes that the server does something else in the sandbox.
    pub(super) fn spoil(&mut self) {
        self.is_spoiled = true;
    }

    /// Waits until the sandbox can be used again. Returns what has changed if it cannot.
    pub(super) async fn renewed(&mut self, processes: &SandboxProcesses) -> Result<(), String> {
        if self.is_spoiled {
            return Err("files or another command".to_owned());
        }
        if !self.has_run {
            return Ok(());
        }
        let mut soon = tokio::time::timeout(END_PATIENCE, self.states.recv()).await;
        if soon.is_err() {
            processes.try_send(&ToInit::Kill { command: self.run });
            soon = tokio::time::timeout(RENEW_PATIENCE, self.states.recv()).await;
        }
        match soon {
            Ok(Some(ZygoteState::Ready)) => {
                self.has_run = false;
                self.run += 1;
                Ok(())
            }
            Ok(Some(ZygoteState::Changed { what } | ZygoteState::Unfit { reason: what })) => Err(what),
            Ok(None) => Err("the sandbox has ended".to_owned()),
            Err(_) => Err(format!("the run does not end within {RENEW_PATIENCE:?}")),
        }
    }
}
