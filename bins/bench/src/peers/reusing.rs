//! Peers that use one instance for all requests. They have no sandbox for each request, and are shown for scale.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use super::peer::Peer;
use super::programs::Programs;
use crate::process::{Process, free_address};
use crate::target::WORK;

/// The files that the peers read.
const FILES: [(&str, &str); 4] = [
    ("worker.mjs", WORK),
    ("functions.mjs", include_str!("../../peers/functions.mjs")),
    ("isolate.mjs", include_str!("../../peers/isolate.mjs")),
    ("workerd.capnp", include_str!("../../peers/workerd.capnp")),
];

/// Starts a peer of this kind.
pub(super) fn start(peer: Peer, programs: &Programs) -> anyhow::Result<(Process, SocketAddr, TempDir)> {
    let directory = tempfile::tempdir()?;
    for (name, text) in FILES {
        std::fs::write(directory.path().join(name), text)?;
    }
    // The functions resolve their framework in the directory beside them.
    std::os::unix::fs::symlink(programs.packages.join("node_modules"), directory.path().join("node_modules"))?;
    // Neither program prints the line that `Process::start` reads, so the port is chosen for it.
    let address = free_address()?;
    let mut command = if peer == Peer::Workerd {
        let workerd = ["@cloudflare/workerd-linux-64", "@cloudflare/workerd-linux-arm64"];
        let mut command = Command::new(programs.file(workerd, "bin/workerd")?);
        command.args(["serve", "workerd.capnp"]).arg(format!("--socket-addr=http={address}"));
        command
    } else {
        let framework = "@google-cloud/functions-framework";
        let mut command = Command::new(&programs.node);
        command.arg(programs.file([framework, framework], "build/src/main.js")?);
        command.args(["--source=functions.mjs", "--target=run", "--port"]).arg(address.port().to_string());
        command
    };
    let process = Process::start_on(address, command.current_dir(directory.path()))?;
    Ok((process, address, directory))
}
