//! Alternatives that would run the same work. `./just setup-bench` installs their programs.

mod reusing;
mod spawned;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;
use tempfile::TempDir;

pub(crate) use self::spawned::{Program, Spawned};
use crate::client::Client;
use crate::embedded;
use crate::process::Process;
use crate::target::{Target, WORK};

/// A peer, under its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// The use cases of the platform in a program of its own, as a library
    Embedded,
    /// An HTTP server that spawns Node.js for every request
    Node,
    /// The same, in bubblewrap
    Bwrap,
    /// An HTTP server that spawns Deno
    Deno,
    /// An HTTP server that spawns Bun
    Bun,
    /// workerd, which reuses one instance
    Workerd,
    /// The functions framework for Node.js, which reuses one instance
    FunctionsFramework,
}

impl Peer {
    /// Returns the program that the peer starts for each request, if it does that.
    pub(crate) const fn program(self) -> Option<Program> {
        match self {
            Self::Node => Some(Program::Node),
            Self::Bwrap => Some(Program::Bwrap),
            Self::Deno => Some(Program::Deno),
            Self::Bun => Some(Program::Bun),
            Self::Embedded | Self::Workerd | Self::FunctionsFramework => None,
        }
    }

    /// Returns the peer's name in tables.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Embedded => "**embedded** in a bare HTTP server",
            Self::Node => "HTTP + spawn of Node 24",
            Self::Bwrap => "HTTP + `bwrap --unshare-all` + Node 24",
            Self::Deno => "HTTP + spawn of Deno",
            Self::Bun => "HTTP + spawn of Bun",
            Self::Workerd => "workerd (reuses one instance)",
            Self::FunctionsFramework => "functions-framework (reuses one instance)",
        }
    }

    /// Returns the advice for a peer that does not work.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Embedded => "`workersd doctor` says what the machine lacks",
            Self::Node => "install Node.js with `./just setup`",
            Self::Bwrap => "install bubblewrap with `./just setup-bench`",
            _ => "install it with `./just setup-bench`",
        }
    }
}

/// Where the peers' programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) node: PathBuf,
    /// The directory that contains `node_modules`.
    pub(crate) packages: PathBuf,
}

impl Programs {
    /// Returns the path of a file in a package. `machines` are the package's names for x86-64 and for ARM.
    fn file(&self, machines: [&str; 2], file: &str) -> anyhow::Result<PathBuf> {
        let [x86, arm] = machines;
        let package = if cfg!(target_arch = "aarch64") { arm } else { x86 };
        let path = self.packages.join("node_modules").join(package).join(file);
        path.canonicalize().with_context(|| format!("there is no {}", path.display()))
    }
}

/// A running peer.
pub(crate) struct Running {
    pub(crate) peer: Peer,
    pub(crate) target: Target,
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
        let (status, body) = Client::new(address).send(target.request()).await?;
        target.check(status, &body)?;
        Ok::<_, anyhow::Error>(Running { peer, target, _process: process, _directory: directory })
    };
    started
        .await
        .with_context(|| format!("{} does not work: {}, or leave it out with `--peers`", peer.title(), peer.remedy()))
}
