//! A sandbox's first process. It starts commands, reaps every process that ends, and ends together with all of them
//! when the server closes its channel.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal};
use workers_engine_sys::{ReapedChild, child_signals, drain_signals, install_as, kill_all_others, wait_any};

use super::children::children;
use super::command::{CommandDefaults, NotStarted, Starting, Streams, start};
use super::keeper::{Keeper, Verdict};
use super::names::name_sockets;
use super::oom_score::OomScore;
use super::write::write_files;
use crate::message::{Exited, FromInit, RunCommand, ToInit};
use crate::wire::{self, Received};

/// The first process of a sandbox.
pub(super) struct Init {
    channel: OwnedFd,
    lifeline: OwnedFd,
    signals: OwnedFd,
    work: OwnedFd,
    defaults: CommandDefaults,
    /// What only the init of a container has.
    container: Option<ContainerHandles>,
    /// What only the init of a sandbox that is kept has.
    keeper: Option<Keeper>,
    commands: HashMap<Pid, Command>,
    /// Commands of which we do not have the result of the start yet.
    starting: Vec<Starting>,
    /// Whether no more commands may be started.
    is_frozen: bool,
}

/// What the init of a container has in addition.
pub(super) struct ContainerHandles {
    /// The upper directories of its overlays, with the changes to the root and to `/usr`.
    pub(super) uppers: [OwnedFd; 2],
    /// The out-of-memory score of the init and of its children.
    pub(super) oom_score: OomScore,
}

struct Command {
    number: u32,
    kill_requested: bool,
}

impl Init {
    pub(super) fn new(
        channel: OwnedFd,
        lifeline: OwnedFd,
        work: OwnedFd,
        defaults: CommandDefaults,
        container: Option<ContainerHandles>,
        keeper: Option<Keeper>,
    ) -> io::Result<Self> {
        // In a pid namespace, only processes inside of it could send us a termination signal, and we ignore that; the
        // launcher uses SIGKILL.
        let signals = child_signals(!defaults.is_isolated)?;
        // The standard error that we inherit from the launcher is the server's.
        install_as(defaults.null.as_fd(), 2)?;
        Ok(Self {
            channel,
            lifeline,
            signals,
            work,
            defaults,
            container,
            keeper,
            commands: HashMap::new(),
            starting: Vec::new(),
            is_frozen: false,
        })
    }

    /// Runs until the server or the launcher closes its end; returns the exit code.
    pub(super) fn run(mut self) -> i32 {
        let result = self.handle_events();
        // Where there is a pid namespace, the kernel would do this at the exit; elsewhere processes would stay.
        self.kill_everything();
        i32::from(result.is_err())
    }

    fn handle_events(&mut self) -> io::Result<()> {
        wire::send(&self.channel, &FromInit::Ready, &[same(&self.work)?.as_fd()])?;
        loop {
            let fixed = [self.channel.as_fd(), self.signals.as_fd(), self.lifeline.as_fd()];
            let zygote = self.keeper.as_ref().and_then(Keeper::zygote);
            let all = fixed.into_iter().chain(self.starting.iter().map(AsFd::as_fd)).chain(zygote);
            let mut sources: Vec<_> = all.map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN)).collect();
            match poll(&mut sources, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let mut ready = sources.into_iter().map(|source| !source.revents().is_empty());
            let [order, signal, launcher_gone] = std::array::from_fn(|_| ready.next().unwrap_or_default());
            let started: Vec<bool> = ready.by_ref().take(self.starting.len()).collect();
            let zygote_reports = ready.next().unwrap_or_default();
            // Starts before ends: a command that has ended was started before.
            self.report_started(&started)?;
            if launcher_gone {
                return Ok(());
            }
            // Ends before orders: the next order may depend on them.
            if signal {
                let terminated = drain_signals(self.signals.as_fd())?;
                self.reap()?;
                if terminated {
                    return Ok(());
                }
            }
            if zygote_reports {
                self.handle_zygote()?;
            }
            if order && !self.handle_order()? {
                return Ok(());
            }
        }
    }

    /// Carries out one order of the server. Returns `false` when the channel is closed.
    fn handle_order(&mut self) -> io::Result<bool> {
        let Some(Received { message, descriptors }) = wire::receive::<ToInit>(&self.channel)? else {
            return Ok(false);
        };
        match message {
            ToInit::Run(run) => self.run_command(&run, descriptors)?,
            ToInit::Kill { command } => match &self.keeper {
                Some(keeper) => keeper.kill_run(command),
                None => self.kill_command(command),
            },
            ToInit::Signal { command, signal } => self.signal_command(command, signal),
            ToInit::Freeze => self.freeze()?,
            ToInit::KillAll => {
                self.kill_everything();
                self.reap()?;
                wire::send(&self.channel, &FromInit::AllKilled, &[])?;
            }
            ToInit::Write { files } => {
                let content =
                    descriptors.into_iter().next().ok_or_else(|| io::Error::other("files without content"))?;
                let written = write_files(self.work.as_fd(), &files, content).map_err(|error| error.to_string());
                wire::send(&self.channel, &FromInit::Written(written), &[])?;
            }
            ToInit::TakeZygote => {
                let channel = wire::first(descriptors)?;
                let keeper = self.keeper.as_mut().ok_or_else(|| io::Error::other("a sandbox that is not kept"))?;
                keeper.take(channel, &self.work)?;
                wire::send(&self.channel, &FromInit::ZygoteTaken, &[])?;
            }
            ToInit::MakeNameSockets => {
                let sockets = name_sockets()?;
                wire::send(&self.channel, &FromInit::NameSockets, &sockets.each_ref().map(AsFd::as_fd))?;
            }
        }
        Ok(true)
    }

    /// Handles a message of the zygote.
    fn handle_zygote(&mut self) -> io::Result<()> {
        // Before the comparison: a process that has ended is still listed until it is reaped.
        self.reap()?;
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let (ended, state) = match keeper.handle() {
            Verdict::None => (None, None),
            Verdict::Ended(exited) => (Some(exited), None),
            Verdict::State(state) => (None, Some(state)),
        };
        if let Some(exited) = ended {
            wire::send(&self.channel, &FromInit::Exited(exited), &[])?;
        }
        let state = state.or_else(|| ended.and_then(|_| self.keeper.as_mut().and_then(Keeper::renew)));
        if let Some(state) = state {
            wire::send(&self.channel, &FromInit::Zygote(state), &[])?;
        }
        Ok(())
    }

    fn run_command(&mut self, run: &RunCommand, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let streams = Streams::new(descriptors)?;
        let started = if self.is_frozen {
            Err(NotStarted::from(io::Error::from(rustix::io::Errno::SHUTDOWN)))
        } else {
            let start = || start(&self.defaults, run, &self.work, &streams);
            self.container.as_ref().map_or_else(|| Ok(start()), |container| container.oom_score.for_children(start))?
        };
        match started {
            Ok(starting) => {
                self.commands.insert(starting.pid, Command { number: run.command, kill_requested: false });
                self.starting.push(starting);
                Ok(())
            }
            Err(NotStarted { errno, in_directory }) => {
                let failed = FromInit::StartFailed { command: run.command, errno, in_directory };
                wire::send(&self.channel, &failed, &[])
            }
        }
    }

    /// Reports the result of the start for those commands for which it is available.
    fn report_started(&mut self, known: &[bool]) -> io::Result<()> {
        let mut known = known.iter();
        let (known_starts, waiting) =
            std::mem::take(&mut self.starting).into_iter().partition(|_| known.next().copied().unwrap_or_default());
        self.starting = waiting;
        let known_starts: Vec<Starting> = known_starts;
        known_starts.iter().try_for_each(|starting| self.report_start(starting))
    }

    fn report_start(&mut self, starting: &Starting) -> io::Result<()> {
        let Some(command) = self.commands.get(&starting.pid).map(|command| command.number) else { return Ok(()) };
        let message = match starting.outcome() {
            Ok(()) => FromInit::Started { command },
            Err(NotStarted { errno, in_directory }) => {
                // The end of a process that did not become a command is not reported.
                self.commands.remove(&starting.pid);
                FromInit::StartFailed { command, errno, in_directory }
            }
        };
        wire::send(&self.channel, &message, &[])
    }

    /// Reaps all processes that have ended. Returns whether any are left.
    fn reap(&mut self) -> io::Result<bool> {
        loop {
            match wait_any() {
                Ok(Some(ended)) => self.ended(ended)?,
                Ok(None) => return Ok(true),
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::CHILD.raw_os_error()) => {
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn ended(&mut self, ended: ReapedChild) -> io::Result<()> {
        if let Some(index) = self.starting.iter().position(|starting| starting.pid == ended.pid) {
            // Because the process has ended, its end of the pipe is closed, so reading the result does not block.
            let starting = self.starting.swap_remove(index);
            self.report_start(&starting)?;
        }
        // All other processes are orphans that we adopted.
        let Some(command) = self.commands.remove(&ended.pid) else {
            // A run becomes one when its zygote ends before it.
            if let Some(number) = self.keeper.as_mut().and_then(|keeper| keeper.adopts(ended.pid)) {
                return wire::send(&self.channel, &FromInit::Exited(Exited::new(number, ended, false)), &[]);
            }
            return Ok(());
        };
        // What a container's command has started in the background goes on after it.
        if self.container.is_none() {
            self.kill_left_behind(ended.pid);
        }
        let exited = Exited::new(command.number, ended, command.kill_requested);
        wire::send(&self.channel, &FromInit::Exited(exited), &[])
    }

    /// Sends a signal to the process group of a command. In a container, processes that have left the group may go on.
    fn signal_command(&self, number: u32, signal: i32) {
        let leader = self.commands.iter().find(|(_, command)| command.number == number).map(|(pid, _)| *pid);
        if let (Some(leader), Some(signal)) = (leader, Signal::from_named_raw(signal)) {
            // Fails when all of it has ended.
            let _ = rustix::process::kill_process_group(leader, signal);
        }
    }

    /// Kills everything and forbids new commands. After the response, no file changes any more.
    fn freeze(&mut self) -> io::Result<()> {
        self.is_frozen = true;
        self.kill_everything();
        while self.reap()? {
            let mut signals = [PollFd::new(&self.signals, PollFlags::IN)];
            rustix::io::retry_on_intr(|| poll(&mut signals, None))?;
            drain_signals(self.signals.as_fd())?;
        }
        let uppers: Vec<_> = self.container.iter().flat_map(|container| &container.uppers).map(AsFd::as_fd).collect();
        wire::send(&self.channel, &FromInit::Frozen, &uppers)
    }

    fn kill_command(&mut self, number: u32) {
        let Some((pid, command)) = self.commands.iter_mut().find(|(_, command)| command.number == number) else {
            return;
        };
        command.kill_requested = true;
        let pid = *pid;
        if self.commands.len() == 1 {
            self.kill_everything();
        } else {
            // Descendants as well as the group, because a process may have left the group.
            for process in descendants(pid).into_iter().chain([pid]) {
                let _ = rustix::process::kill_process(process, Signal::KILL);
            }
            self.kill_left_behind(pid);
        }
    }

    /// Kills what a command has started. If there is no other command, that is everything. Otherwise it is the
    /// command's process group; processes that have left the group end with the sandbox.
    fn kill_left_behind(&self, leader: Pid) {
        if self.commands.keys().all(|pid| *pid == leader) {
            self.kill_everything();
        } else {
            let _ = rustix::process::kill_process_group(leader, Signal::KILL);
        }
    }

    /// Kills every process but this one.
    fn kill_everything(&self) {
        if self.defaults.is_isolated {
            let _ = kill_all_others();
            return;
        }
        // Without a pid namespace we find them one by one; what is forked meanwhile is found in the next round.
        loop {
            let found = descendants(rustix::process::getpid());
            let mut killed = false;
            for process in found {
                // A signal to a zombie succeeds, too. If zombies counted, this loop would not end: they are reaped
                // later.
                killed |= rustix::process::kill_process(process, Signal::KILL).is_ok() && !is_zombie(process);
            }
            if !killed {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// Returns the processes that descend from `ancestor`, read from `/proc`.
fn descendants(ancestor: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut next = vec![ancestor];
    while let Some(pid) = next.pop() {
        for child in children(pid) {
            found.push(child);
            next.push(child);
        }
    }
    found
}

fn is_zombie(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The program's name comes before, in parentheses, and may itself contain some.
    status.rsplit_once(") ").is_none_or(|(_, tail)| tail.starts_with(['Z', 'X']))
}

/// Duplicates the descriptor of the working directory, to send it to the server.
fn same(work: &OwnedFd) -> io::Result<OwnedFd> {
    work.as_fd().try_clone_to_owned()
}
