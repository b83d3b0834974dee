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
use crate::server::launcher::{ForkNews, Launcher};
use crate::wire::{self, Received};

/// How long a copy may take to come to stand behind the sandbox's walls. A template that takes longer to answer is
/// ended.
const PATIENCE: Duration = Duration::from_secs(8);

/// A copy that waits.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) name: CommandName,
    channel: Channel,
    news: oneshot::Receiver<ForkNews>,
}

impl Seat {
    /// Puts a copy of the content's template into a sandbox; `None` when there is none to be had. A template that boots
    /// is waited for if `waits`.
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
            // The copy is heard when it has failed, too; its end says less.
            biased;
            said = channel.receive::<FromCopy>() => said.map_err(failed)?,
            _ = &mut news => None,
            // The sandbox starts its own node then.
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

    /// Lets the copy run a program; what the launcher says of its end. `None` when it has ended meanwhile.
    pub(super) async fn run(
        self,
        program: &NodeProgram,
        outputs: &[OwnedFd; 2],
    ) -> Option<oneshot::Receiver<ForkNews>> {
        let sent = self.channel.send(program, &outputs.each_ref().map(AsFd::as_fd)).await;
        sent.ok().map(|()| self.news)
    }
}

/// Whether this refusal says that the sandbox has ended meanwhile: its processes or its cgroup are not there any more.
/// What was to run in it fails, and that is logged.
fn means_gone(errno: i32) -> bool {
    matches!(Errno::from_raw_os_error(errno), Errno::SRCH | Errno::NODEV)
}
