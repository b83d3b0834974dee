//! One command of a session.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::transfer::TransferPermit;
use crate::logs::{CommandLog, LogReader};
use crate::model::Millis;

/// A request to run a command.
#[derive(Debug, Clone)]
pub(crate) struct CommandRequest {
    /// The program to run.
    pub(crate) program: String,
    /// The arguments of the program.
    pub(crate) args: Vec<String>,
    /// The working directory; an absolute path.
    pub(crate) cwd: String,
    /// The environment, in addition to the session's.
    pub(crate) env: Vec<(String, String)>,
    /// Whether to run it as root.
    pub(crate) as_root: bool,
    /// How long it may run.
    pub(crate) timeout: Option<Duration>,
}

/// A command that was started.
#[derive(Debug)]
pub(crate) struct Command {
    /// The command's id.
    pub(crate) id: String,
    /// The container's number for it.
    pub(crate) number: u32,
    /// The program as the request names it.
    pub(crate) name: String,
    /// The arguments of the program.
    pub(crate) args: Vec<String>,
    /// The working directory.
    pub(crate) cwd: String,
    /// When it started.
    pub(crate) started_at: Millis,
    pub(super) began: Instant,
    pub(super) log: Arc<CommandLog>,
    pub(super) outcome: watch::Sender<Option<Outcome>>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It exited, or a signal killed it.
    Exited {
        /// The exit code; for a signal, 128 plus its number.
        code: i32,
        /// How long it ran, in milliseconds.
        duration: u64,
    },
    /// Its session ended first.
    Lost,
}

impl Command {
    /// Returns roughly how many bytes of memory the command takes.
    pub(super) fn size(&self) -> usize {
        // Even an empty string takes the memory of a `String`.
        let args: usize = self.args.iter().map(|arg| arg.len() + size_of::<String>()).sum();
        self.name.len() + self.cwd.len() + args
    }

    /// Returns how the command ended, if it has.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        *self.outcome.borrow()
    }

    /// Waits until the command has ended.
    pub(crate) async fn ended(&self) -> Outcome {
        let mut outcome = self.outcome.subscribe();
        // The sender cannot be dropped: `self.outcome` holds it.
        let ended = outcome.wait_for(Option::is_some).await;
        ended.ok().and_then(|outcome| *outcome).unwrap_or(Outcome::Lost)
    }

    /// Reads the output of the command from the beginning.
    pub(crate) fn read_log(&self, permit: TransferPermit) -> LogReader {
        LogReader::new(Arc::clone(&self.log)).with_permit(permit)
    }

    /// Records how the command ended, unless that is recorded already. Returns whether this call recorded it.
    pub(super) fn conclude(&self, outcome: Outcome) -> bool {
        self.outcome.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                *known = Some(outcome);
            }
            first
        })
    }
}
