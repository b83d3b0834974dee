//! Runs node and npm.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, io};

/// The oldest releases of Node.js that Vite supports: from 20.19 within version 20, and from 22.12 on.
const NODES: [(u32, u32); 2] = [(20, 19), (22, 12)];

/// Returns a command for a program. The Node.js of `./just setup` comes first in its `PATH`, if it is installed.
pub(crate) fn program(name: &str) -> Command {
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(pinned).chain(env::split_paths(&path)));
    let mut command = Command::new(name);
    // The program's output is for people and goes to standard error, because cargo reads our standard output.
    command.env("PATH", path.unwrap_or_else(|_| OsString::new())).stdin(Stdio::null()).stdout(io::stderr());
    command
}

/// Runs a command and waits for it. Returns `failed` as the error if it exits with a failure.
pub(crate) fn run(command: &mut Command, failed: &str) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(failed.to_owned()),
        Err(error) => Err(missing(command, &error)),
    }
}

/// Checks that the installed Node.js is recent enough.
pub(crate) fn check_node() -> Result<(), String> {
    let mut node = program("node");
    let output =
        node.arg("--version").stdout(Stdio::piped()).output().map_err(|error| missing(&program("node"), &error))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if will_do(&version) {
        return Ok(());
    }
    Err(format!("it needs Node.js 22.12 or later, or 20.19; found {version} (`./just setup` installs one into .tools)"))
}

fn will_do(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|number| number.parse::<u32>().ok());
    let Some(found) = numbers.next().zip(numbers.next()) else { return false };
    let [old, new] = NODES;
    found >= new || (found >= old && found.0 == old.0)
}

fn missing(command: &Command, error: &io::Error) -> String {
    let name = command.get_program().display();
    if error.kind() == io::ErrorKind::NotFound {
        format!("{name} is not on PATH; install npm, which brings Node.js (Debian: apt-get install npm)")
    } else {
        format!("{name} cannot be started: {error}")
    }
}
