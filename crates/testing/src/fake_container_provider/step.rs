//! The steps of a script that a command plays.

use std::sync::Arc;

use tokio::sync::Notify;
use workers_domain::LogStream;
use workers_domain::ports::ExitStatus;

/// The next step of a command of a [`FakeContainerProvider`](super::FakeContainerProvider). A script without
/// [`ContainerStep::Exit`] ends with exit code 0.
#[derive(Debug, Clone)]
pub enum ContainerStep {
    /// The command prints bytes.
    Print(LogStream, Vec<u8>),
    /// The command waits until it is notified, or until a signal ends it.
    WaitFor(Arc<Notify>),
    /// The command does nothing until a signal ends it.
    Hang,
    /// The command exits.
    Exit(ExitStatus),
    /// The container loses the command: reading its events fails.
    Lose,
}
