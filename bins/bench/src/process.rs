//! Server processes that end with the bench.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many bytes and lines of a server's log an error message contains at most.
const LAST_WORDS: u64 = 4096;
const LAST_LINES: usize = 5;

/// A process. It is ended when this value is dropped.
pub(crate) struct Process {
    child: Child,
    errors: File,
}

impl Process {
    /// Starts a server and waits for the line that names its address: `listening on http://ADDRESS`.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<(Self, SocketAddr)> {
        let (process, [address]) = Self::start_all(command, ["listening on http://"])?;
        Ok((process, address))
    }

    /// Starts a server that listens on several addresses, and waits for one line for each. The lines begin with these
    /// words. A path after an address is ignored.
    pub(crate) fn start_all<const N: usize>(
        command: &mut Command,
        words: [&str; N],
    ) -> anyhow::Result<(Self, [SocketAddr; N])> {
        let mut process = Self::spawn(command.stdout(Stdio::piped()))?;
        let mut lines = BufReader::new(process.child.stdout.take().context("its output is piped")?).lines();
        // This blocks the only thread of the bench. What has to run meanwhile has a thread of its own
        // (`vercel/counter.rs`).
        let addresses = words.map(|words| {
            let line = lines.next()?.ok()?;
            line.strip_prefix(words)?.split('/').next()?.parse().ok()
        });
        let addresses: Option<Vec<SocketAddr>> = addresses.into_iter().collect();
        let addresses = addresses.and_then(|addresses| addresses.try_into().ok());
        match addresses {
            Some(addresses) => Ok((process, addresses)),
            None => Err(process.complain(command)),
        }
    }

    /// Starts a server whose arguments set this address, and waits until it listens there. Discards what it prints.
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

    /// Spawns the process. Its log goes to a file, as it would in production.
    fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        // A file never fills up as a pipe would that is not read, so it cannot hold the server up.
        let errors = tempfile::tempfile()?;
        let child = command.stdin(Stdio::null()).stderr(errors.try_clone()?).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot start {command:?}"))?, errors })
    }

    fn complain(&self, command: &Command) -> anyhow::Error {
        anyhow::anyhow!("{command:?} does not listen: {}", self.last_words())
    }

    /// Returns the end of the process's log.
    pub(crate) fn last_words(&self) -> String {
        let length = self.errors.metadata().map_or(0, |metadata| metadata.len());
        let start = length.saturating_sub(LAST_WORDS);
        let mut bytes = vec![0; usize::try_from(length - start).unwrap_or(0)];
        // Reading at an offset leaves the file's position alone, which the running process shares. If reading fails,
        // the log is left out.
        let read = self.errors.read_at(&mut bytes, start).unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..read]);
        let lines: Vec<_> = text.lines().rev().take(LAST_LINES).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            // TERM, so that a server ends its sandboxes by itself. An error means that the process has ended already.
            let _ = kill_process(pid, Signal::TERM);
        }
        // Without this a zombie would stay, and its directory could be removed under a process that still ends.
        let _ = self.child.wait();
    }
}

/// Returns an address on which no process listens.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
