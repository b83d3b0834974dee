//! A child of a template that waits in a sandbox for its program.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::sync::oneshot;
use workers_domain::ports::SandboxError;

use crate::fault::refused;
use crate::message::{CommandName, ForkChild, FromChild, NodeProgram};
use crate::server::channel::Channel;
use crate::server::connection::ChildEvent;
use crate::server::launcher_client::LauncherClient;
use crate::wire::{self, Received};

/// How long a child may take until it has joined the sandbox. The launcher kills a template that takes longer to
/// respond.
const PATIENCE: Duration = Duration::from_secs(8);

/// A child that has joined a sandbox and waits for its program.
#[derive(Debug)]
pub(super) struct ParkedChild {
    pub(super) name: CommandName,
    channel: Channel,
    event: oneshot::Receiver<ChildEvent>,
}

impl ParkedChild {
    /// Forks the content's template, and waits until the child is parked in a sandbox. Returns `None` when there is no
    /// template for it. With `waits_for_boot`, it waits for a template that is still booting.
    pub(super) async fn fork(
        launcher: &Arc<LauncherClient>,
        name: CommandName,
        content: String,
        waits_for_boot: bool,
    ) -> Result<Option<Self>, SandboxError> {
        let failed = |error: io::Error| refused("the channel of a template's child", &error);
        let (ours, theirs) = wire::channel().map_err(failed)?;
        let channel = Channel::new(ours).map_err(failed)?;
        let mut event = launcher.fork_child(ForkChild { name: name.clone(), content, waits_for_boot }, theirs).await?;
        let message = tokio::select! {
            // First, because the child's own message says more about a failure than its end does.
            biased;
            message = channel.receive::<FromChild>() => message.map_err(failed)?,
            _ = &mut event => None,
            // The sandbox then starts its own node.
            () = tokio::time::sleep(PATIENCE) => None,
        };
        match message {
            Some(Received { message: FromChild::Parked, .. }) => Ok(Some(Self { name, channel, event })),
            Some(Received { message: FromChild::Failed { errno: Some(errno), .. }, .. })
                if sandbox_has_ended(errno) =>
            {
                Ok(None)
            }
            Some(Received { message: FromChild::Failed { message, .. }, .. }) => {
                tracing::warn!(
                    error = message,
                    "a child of a template cannot join its sandbox, which starts its own node"
                );
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Makes the child run a program. Returns the receiver of the launcher's message about its end, or `None` when the
    /// child has ended meanwhile.
    pub(super) async fn run(
        self,
        program: &NodeProgram,
        outputs: &[OwnedFd; 2],
    ) -> Option<oneshot::Receiver<ChildEvent>> {
        // A packet arrives as a whole or not at all, so after an error the child has no part of the program.
        let sent = self.channel.send(program, &outputs.each_ref().map(AsFd::as_fd)).await;
        sent.ok().map(|()| self.event)
    }
}

impl ParkedChild {
    /// Makes the child a zygote that loads a program; `for_zygote` is its channel to init. Returns the channel for the
    /// programs of its runs, and the receiver of the launcher's message about its end.
    pub(super) async fn load(
        self,
        program: &NodeProgram,
        for_zygote: BorrowedFd<'_>,
    ) -> io::Result<(Channel, oneshot::Receiver<ChildEvent>)> {
        // Nothing is read from it any more: a user's code will have its other end.
        self.channel.stop_reading()?;
        self.channel.send(program, &[for_zygote]).await?;
        Ok((self.channel, self.event))
    }
}

/// Returns whether this error number means that the sandbox has ended meanwhile: its processes or its cgroup no longer
/// exist. Then the command fails with an error that is logged elsewhere.
fn sandbox_has_ended(errno: i32) -> bool {
    matches!(Errno::from_raw_os_error(errno), Errno::SRCH | Errno::NODEV)
}
