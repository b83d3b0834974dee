//! Alternatives that would run the same work. `./just setup-bench` installs their programs.

mod peer;
mod programs;
mod reusing;
mod spawned;

use anyhow::Context as _;
use tempfile::TempDir;

pub(crate) use self::peer::Peer;
pub(crate) use self::programs::Programs;
pub(crate) use self::spawned::{Program, Spawned};
use crate::client::Client;
use crate::embedded;
use crate::process::Process;
use crate::target::{Target, WORK};

/// A running peer.
pub(crate) struct Running {
    pub(crate) peer: Peer,
    pub(crate) target: Target,
    // Dropped in this order: the process must have ended before its directory is removed.
    _process: Process,
    _directory: TempDir,
}

/// Starts a peer and checks that it does the work.
pub(crate) async fn start(peer: Peer, programs: &Programs) -> anyhow::Result<Running> {
    let started = async {
        let (process, address, directory) = match peer.program() {
            Some(program) => Spawned::start(program, programs, WORK)?.into_parts(),
            None if peer == Peer::Embedded => embedded::start(&programs.node)?,
            None => reusing::start(peer, programs)?,
        };
        let target = Target::work(peer.title().to_owned(), address, "/", "*/*")?;
        // A peer that does not work ends the run now, and not after minutes of measuring the others.
        let (status, body) = Client::new(address).send(target.request()).await?;
        target.check(status, &body)?;
        Ok::<_, anyhow::Error>(Running { peer, target, _process: process, _directory: directory })
    };
    started
        .await
        .with_context(|| format!("{} does not work: {}, or leave it out with `--peers`", peer.title(), peer.remedy()))
}
