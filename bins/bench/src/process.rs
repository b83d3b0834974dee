//! Processes that end with us.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// A process that is ended when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a server, and waits for the line that says where it listens: `listening on URL`.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<(Self, String)> {
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {command:?}"))?;
        let output = child.stdout.take().context("its output is piped")?;
        let process = Self(child);
        let line = BufReader::new(output).lines().next().context("it ended before it listened")??;
        let url = line.strip_prefix("listening on ").with_context(|| format!("not an address: {line}"))?;
        Ok((process, url.to_owned()))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}
