//! Servers that end with us.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much of what a server complained about is told.
const COMPLAINT_LINES: usize = 5;

/// A process that is ended when this is dropped.
pub(crate) struct Process {
    child: Child,
    errors: File,
}

impl Process {
    /// Starts a server, and waits for the line that says where it listens: `listening on http://ADDRESS`.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<(Self, SocketAddr)> {
        let mut process = Self::spawn(command.stdout(Stdio::piped()))?;
        let output = process.child.stdout.take().context("its output is piped")?;
        let line = BufReader::new(output).lines().next().transpose()?;
        let address = line.as_deref().and_then(|line| line.strip_prefix("listening on http://")?.parse().ok());
        match address {
            Some(address) => Ok((process, address)),
            None => Err(process.complain(command)),
        }
    }

    /// Starts a server that was told to listen on this address, and waits until it does. What it prints goes nowhere.
    pub(crate) fn start_on(address: SocketAddr, command: &mut Command) -> anyhow::Result<Self> {
        let mut process = Self::spawn(command.stdout(Stdio::null()))?;
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if process.child.try_wait()?.is_some() || began.elapsed() > PATIENCE {
                return Err(process.complain(command));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(process)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Logs go to a file, as they would in earnest.
    fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let errors = tempfile::tempfile()?;
        let child = command.stdin(Stdio::null()).stderr(errors.try_clone()?).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot start {command:?}"))?, errors })
    }

    fn complain(&mut self, command: &Command) -> anyhow::Error {
        let mut text = String::new();
        // Whatever cannot be read of it is not told.
        let _ = self.errors.seek(SeekFrom::Start(0)).and_then(|_| self.errors.read_to_string(&mut text));
        let lines: Vec<_> = text.lines().rev().take(COMPLAINT_LINES).collect();
        let lines = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
        anyhow::anyhow!("{command:?} does not listen: {lines}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
