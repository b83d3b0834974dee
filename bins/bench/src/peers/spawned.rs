//! The simplest peer: an HTTP server that starts a process for each request.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use super::programs::Programs;
use crate::process::Process;

/// The peer's server.
const SERVER: &str = include_str!("../../peers/spawn-server.mjs");

/// The script that runs the function in the started process.
const RUN: &str = include_str!("../../peers/run.mjs");

/// The program that the server starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Node,
    Bwrap,
    Deno,
    Bun,
}

/// A server that starts a process for each request.
pub(crate) struct Spawned {
    pub(crate) address: SocketAddr,
    // Dropped in this order, as in `Running`.
    process: Process,
    directory: TempDir,
}

impl Spawned {
    /// Starts the server; each request runs the worker of this source.
    pub(crate) fn start(program: Program, programs: &Programs, worker: &str) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        for (name, text) in [("server.mjs", SERVER), ("worker.mjs", worker), ("run.mjs", RUN)] {
            std::fs::write(directory.path().join(name), text)?;
        }
        let mut command = Command::new(&programs.node);
        command.arg(directory.path().join("server.mjs")).args(program.command(programs)?);
        command.arg(directory.path().join("run.mjs"));
        // Deno keeps compiled code there from one start to the next.
        command.env("DENO_DIR", directory.path().join("deno")).env("DENO_NO_UPDATE_CHECK", "1");
        let (process, address) = Process::start(&mut command)?;
        Ok(Self { address, process, directory })
    }

    pub(super) fn into_parts(self) -> (Process, SocketAddr, TempDir) {
        (self.process, self.address, self.directory)
    }

    /// Returns the id of the server's process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Program {
    /// Returns the command that precedes the script.
    fn command(self, programs: &Programs) -> anyhow::Result<Vec<OsString>> {
        let node = || OsString::from(&programs.node);
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        Ok(match self {
            Self::Node => vec![node()],
            Self::Bwrap => {
                let isolation = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"];
                [words(&isolation), words(&["--dev", "/dev", "--proc", "/proc"]), vec![node()]].concat()
            }
            // Deno gets no permissions, and `--no-prompt` keeps it from asking for them.
            Self::Deno => {
                let deno = programs.file(["@deno/linux-x64-glibc", "@deno/linux-arm64-glibc"], "deno")?;
                [vec![deno.into()], words(&["run", "--no-prompt"])].concat()
            }
            Self::Bun => {
                let bun = programs.file(["@oven/bun-linux-x64", "@oven/bun-linux-aarch64"], "bin/bun")?;
                [vec![bun.into()], words(&["run"])].concat()
            }
        })
    }
}
