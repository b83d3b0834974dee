//! The work done with our sandbox port over the API, as the platform uses it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use workers_domain::ports::{
    CommandEvent, CommandSpec, SandboxFile, SandboxPath, SandboxProvider as _, SandboxSource, SandboxSpec,
};
use workers_domain::{NetworkPolicy, ResourceLimits, SnapshotId};
use workers_vercel::{Client, VercelOptions, VercelProvider};

use super::client::client;
use super::stopwatch::{Run, Stopwatch};
use super::work::{ARGUMENTS, FILE, PROGRAM, TAG, file};

/// How long the provider's shutdown may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Our port. Each piece of work uses a new provider over the same client, because only the provider's shutdown shows
/// when the work is completely done.
pub(super) struct Port {
    client: Client,
    file: String,
}

impl Port {
    pub(super) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { client: client(address)?, file: file() })
    }

    pub(super) async fn invoke(&self, snapshot: &str, mut stopwatch: Stopwatch<'_>) -> anyhow::Result<Run> {
        let (provider, source) = (self.provider(), SandboxSource::Snapshot(SnapshotId::new(snapshot)));
        stopwatch.begin();
        let sandbox = provider.create(spec(source, NetworkPolicy::AllowAll)).await?;
        let args = ARGUMENTS.map(str::to_owned).to_vec();
        let command = CommandSpec::named(PROGRAM, args);
        let mut command = sandbox.run(command).await?;
        let event = command.next_event().await?;
        anyhow::ensure!(matches!(event, Some(CommandEvent::Output { .. })), "it printed nothing: {event:?}");
        // The platform does the same: it does not wait for the process once it has the outcome.
        command.kill_and_drain().await?;
        stopwatch.outcome();
        sandbox.stop().await?;
        let run = stopwatch.end()?;
        // The shutdown reads the rest of the command's output stream.
        provider.shutdown(PATIENCE).await;
        Ok(run)
    }

    pub(super) async fn deploy(&self, mut stopwatch: Stopwatch<'_>) -> anyhow::Result<(Run, String)> {
        let (provider, contents) = (self.provider(), self.file.clone().into_bytes());
        stopwatch.begin();
        let sandbox = provider.create(spec(SandboxSource::Empty, NetworkPolicy::DenyAll)).await?;
        let path = SandboxPath::parse(FILE).context("the file's name is a path")?;
        sandbox.write_files(vec![SandboxFile { path, contents }]).await?;
        let snapshot = sandbox.snapshot(None).await?;
        drop(sandbox);
        stopwatch.outcome();
        // The sandbox is removed in the background; the shutdown waits for that.
        provider.shutdown(PATIENCE).await;
        Ok((stopwatch.end()?, snapshot.id.as_str().to_owned()))
    }

    fn provider(&self) -> VercelProvider {
        let (_, installation) = TAG;
        VercelProvider::new(self.client.clone(), VercelOptions::new(installation))
    }
}

fn spec(source: SandboxSource, network: NetworkPolicy) -> SandboxSpec {
    SandboxSpec { source, limits: ResourceLimits::default(), network, kept_for: None }
}
