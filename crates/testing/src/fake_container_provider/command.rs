//! A command that plays a script.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use workers_domain::ResourceUsage;
use workers_domain::ports::{CommandEvent, CommandExit, ContainerCommand, ExitStatus, SandboxError, SandboxErrorKind};

use super::step::ContainerStep;

pub(super) struct FakeContainerCommand {
    number: u32,
    steps: VecDeque<ContainerStep>,
    signals: watch::Receiver<Vec<(u32, i32)>>,
    alive: watch::Receiver<bool>,
    over: bool,
}

impl FakeContainerCommand {
    pub(super) fn new(
        number: u32,
        steps: Vec<ContainerStep>,
        signals: watch::Receiver<Vec<(u32, i32)>>,
        alive: watch::Receiver<bool>,
    ) -> Self {
        Self { number, steps: steps.into(), signals, alive, over: false }
    }

    /// Waits for a signal to this command or for the end of the container, and ends the command.
    async fn interrupted(&mut self) -> Result<CommandEvent, SandboxError> {
        let number = self.number;
        let mut signal = None;
        tokio::select! {
            biased;
            // First, because a command of a container that was stopped has no outcome, even if it got a signal before.
            _ = self.alive.wait_for(|alive| !*alive) => {}
            signals = self.signals.wait_for(|signals| signals.iter().any(|(to, _)| *to == number)) => {
                let sent = signals.ok();
                signal = sent.and_then(|signals| signals.iter().find(|(to, _)| *to == number).map(|(_, signal)| *signal));
            }
        }
        self.over = true;
        match signal {
            Some(signal) => Ok(exited(ExitStatus::Signal(signal))),
            None => Err(SandboxError::new(SandboxErrorKind::Stopped, "the container was stopped")),
        }
    }
}

fn exited(status: ExitStatus) -> CommandEvent {
    CommandEvent::Exited(CommandExit { status, killed: None, usage: ResourceUsage::default() })
}

#[async_trait]
impl ContainerCommand for FakeContainerCommand {
    fn number(&self) -> u32 {
        self.number
    }

    async fn next_event(&mut self) -> Result<Option<CommandEvent>, SandboxError> {
        if self.over {
            return Ok(None);
        }
        // A step that waits stays at the front until it is done, so that a dropped call loses nothing.
        loop {
            let event = match self.steps.front() {
                Some(ContainerStep::WaitFor(notify)) => {
                    let notify = Arc::clone(notify);
                    tokio::select! {
                        () = notify.notified() => {}
                        event = self.interrupted() => return event.map(Some),
                    }
                    self.steps.pop_front();
                    continue;
                }
                Some(ContainerStep::Hang) => return self.interrupted().await.map(Some),
                Some(ContainerStep::Print(stream, bytes)) => {
                    CommandEvent::Output { stream: *stream, bytes: bytes.clone() }
                }
                Some(ContainerStep::Exit(status)) => {
                    let status = *status;
                    self.over = true;
                    exited(status)
                }
                Some(ContainerStep::Lose) => {
                    self.over = true;
                    return Err(SandboxError::new(SandboxErrorKind::Failed, "the test asked for this failure"));
                }
                None => {
                    self.over = true;
                    exited(ExitStatus::Code(0))
                }
            };
            self.steps.pop_front();
            return Ok(Some(event));
        }
    }
}
