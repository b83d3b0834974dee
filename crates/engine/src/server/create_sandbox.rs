//! How the client of the launcher has a sandbox made, and waits for its end.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Instrument as _;
use workers_domain::ports::{SandboxError, SandboxErrorKind};

use super::connection::{Connection, SandboxReceivers};
use super::launcher_client::LauncherClient;
use super::unavailable;
use crate::cgroup::CgroupStats;
use crate::message::{CreateSandbox, ToLauncher};

/// How many launchers in a row we send the order of a sandbox to, if each exits before it receives the order.
const ORDER_ATTEMPTS: u32 = 3;

/// How long a sandbox may take to end after it was killed. After that it is set aside.
const GRACE: Duration = Duration::from_secs(3);

/// A sandbox that the launcher has made.
#[derive(Debug)]
pub(crate) struct CreatedSandbox {
    /// The pidfd of its init.
    pub(crate) pidfd: OwnedFd,
    /// Resolves at its end.
    pub(crate) end: EndWaiter,
}

impl LauncherClient {
    /// Makes a sandbox; `channel` goes to its init.
    pub(crate) async fn create(
        self: &Arc<Self>,
        order: CreateSandbox,
        channel: OwnedFd,
    ) -> Result<CreatedSandbox, SandboxError> {
        let name = order.name.clone();
        let (connection, SandboxReceivers { created, gone }) =
            self.order(&name, &ToLauncher::Create(order), &channel).await?;
        // Otherwise the server's end of the channel would not report that the init has exited.
        drop(channel);
        let made = connection.unless_silent(created).await?.map_err(|_| unavailable("the sandbox launcher died"))?;
        match made {
            Ok(pidfd) => {
                let end = EndWaiter::new(gone, name, Arc::downgrade(self), Arc::downgrade(&connection));
                Ok(CreatedSandbox { pidfd, end })
            }
            Err(error) => {
                connection.unregister_sandbox(&name);
                Err(error)
            }
        }
    }

    /// Sends the order of a sandbox. A launcher that has just exited has not received the order, so its successor gets
    /// it.
    async fn order(
        &self,
        name: &str,
        order: &ToLauncher,
        channel: &OwnedFd,
    ) -> Result<(Arc<Connection>, SandboxReceivers), SandboxError> {
        let (mut dead, mut attempt) = (None, 1);
        loop {
            let connection = self.connection(dead.as_ref()).await?;
            let expected = connection.register_sandbox(name);
            let Err(error) = connection.send(order, &[channel.as_fd()]).await else {
                return Ok((connection, expected));
            };
            connection.unregister_sandbox(name);
            // After another error the launcher may have received the order, and a second one would make a second
            // sandbox.
            if error.kind != SandboxErrorKind::Unavailable || attempt == ORDER_ATTEMPTS {
                return Err(error);
            }
            (dead, attempt) = (Some(connection), attempt + 1);
        }
    }
}

/// Waits for the end of a sandbox.
#[derive(Debug)]
pub(crate) struct EndWaiter {
    stats: oneshot::Receiver<CgroupStats>,
    name: String,
    launcher: Weak<LauncherClient>,
    connection: Weak<Connection>,
}

impl EndWaiter {
    const fn new(
        stats: oneshot::Receiver<CgroupStats>,
        name: String,
        launcher: Weak<LauncherClient>,
        connection: Weak<Connection>,
    ) -> Self {
        Self { stats, name, launcher, connection }
    }

    /// Waits until nothing runs any more of a sandbox that was killed, at most for [`GRACE`] or as long as a busy
    /// launcher takes to report it. Returns what it used, if it ended and the launcher lives.
    pub(crate) async fn wait(mut self) -> Option<CgroupStats> {
        if let Ok(ended) = tokio::time::timeout(GRACE, &mut self.stats).await {
            return ended.ok();
        }
        // Weak references until here, because a waiter may live longer than the launcher, and must not keep it.
        let (launcher, connection) = (self.launcher.upgrade()?, self.connection.upgrade()?);
        // A busy launcher reports ends late. Ends that it had seen before our ping it reports before its response.
        tokio::select! {
            biased;
            ended = &mut self.stats => return ended.ok(),
            _ = connection.unless_silent(connection.ping()) => {}
        }
        if let Ok(stats) = self.stats.try_recv() {
            return Some(stats);
        }
        // In a task of its own: the caller does not wait for a sandbox that may never end.
        let setting_aside = async move {
            launcher.set_aside(&connection, &self.name).await;
            // The sandbox may never end, and a launcher that has exited must not stay in the list of connections for
            // that long.
            drop(connection);
            // Also returns when its launcher has ended.
            let _ = self.stats.await;
            launcher.ended_after_all();
        };
        tokio::spawn(setting_aside.in_current_span());
        None
    }
}
