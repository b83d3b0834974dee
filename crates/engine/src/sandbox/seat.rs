//! A copy of a booted node that waits in a sandbox for its program.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::sync::oneshot;
use workers_domain::ports::SandboxError;

use crate::fault::refused;
use crate::message::{CommandName, Fork, FromCopy, NodeProgram};
use crate::server::channel::Channel;
use crate::server::connection::ForkNews;
use crate::server::launcher::Launcher;
use crate::wire::{self, Received};

/// How long a copy may take until it stands behind the sandbox's walls. The launcher kills a template that takes longer
/// to respond.
const PATIENCE: Duration = Duration::from_secs(8);

/// A copy that waits.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) name: CommandName,
    channel: Channel,
    news: oneshot::Receiver<ForkNews>,
}

impl Seat {
    /// Puts a copy of the content's template into a sandbox. Returns `None` when there is no template for it. With
    /// `waits`, it waits for a template that is still booting.
    pub(super) async fn take(
        launcher: &Arc<Launcher>,
        name: CommandName,
        content: String,
        waits: bool,
    ) -> Result<Option<Self>, SandboxError> {
        let failed = |error: io::Error| refused("a copy's channel", &error);
        let (ours, theirs) = wire::channel().map_err(failed)?;
        let channel = Channel::new(ours).map_err(failed)?;
        let mut news = launcher.fork(Fork { name: name.clone(), content, waits }, theirs).await?;
        let said = tokio::select! {
            // First, because the copy's own message says more about a failure than its end does.
            biased;
            said = channel.receive::<FromCopy>() => said.map_err(failed)?,
            _ = &mut news => None,
            // The sandbox then starts its own node.
            () = tokio::time::sleep(PATIENCE) => None,
        };
        match said {
            Some(Received { message: FromCopy::Seated, .. }) => Ok(Some(Self { name, channel, news })),
            Some(Received { message: FromCopy::Failed { errno: Some(errno), .. }, .. }) if means_gone(errno) => {
                Ok(None)
            }
            Some(Received { message: FromCopy::Failed { message, .. }, .. }) => {
                tracing::warn!(error = message, "a forked node cannot join its sandbox, which starts one itself");
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Makes the copy run a program. Returns the receiver of the launcher's message about its end, or `None` when the
    /// copy has ended meanwhile.
    pub(super) async fn run(
        self,
        program: &NodeProgram,
        outputs: &[OwnedFd; 2],
    ) -> Option<oneshot::Receiver<ForkNews>> {
        let sent = self.channel.send(program, &outputs.each_ref().map(AsFd::as_fd)).await;
        sent.ok().map(|()| self.news)
    }
}

/// Returns whether this error number means that the sandbox has ended meanwhile: its processes or its cgroup no longer
/// exist. Then the command fails with an error that is logged elsewhere.
fn means_gone(errno: i32) -> bool {
    matches!(Errno::from_raw_os_error(errno), Errno::SRCH | Errno::NODEV)
}
