//! The launcher's event loop.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::process::{Pid, Signal, WaitOptions};
use workers_engine_sys::SingleThread;
use workers_engine_sys::seccomp::Instruction;

use super::confine::obey_and_ask;
use super::create::create;
use super::forks::{Forks, kill_children_but};
use super::layers::Host;
use super::networks::Networks;
use super::probe::{overlays_work, own_uids_work};
use super::templates::{Answer, Templates};
use crate::cgroup::Group;
use crate::message::{CommandName, CreateSandbox, Figures, Fork, FromLauncher, Surroundings, ToLauncher};
use crate::policy;
use crate::wire::{self, Received};

/// How long to go on trying to remove a cgroup whose last process has ended but which the kernel still calls busy.
const REMOVE_PATIENCE: Duration = Duration::from_secs(5);
const REMOVE_INTERVAL: Duration = Duration::from_millis(2);

const SERVER: u64 = 0;

/// Mark the events of templates, and of their copies.
const TEMPLATE: u64 = 1 << 62;
const FORK: u64 = 1 << 61;

/// What making a sandbox needs, here and in a template.
pub(super) struct Setup {
    pub(super) thread: SingleThread,
    pub(super) surroundings: Surroundings,
    /// What is added to the launcher's own filter in a sandbox.
    pub(super) filter: Vec<Instruction>,
}

/// The launcher's whole state.
pub(super) struct Launcher {
    pub(super) setup: Setup,
    templates: Templates,
    forks: Forks,
    /// For machines.
    pub(super) host: Option<Host>,
    /// `None` where each sandbox makes its own.
    pub(super) networks: Option<Networks>,
    server: OwnedFd,
    events: OwnedFd,
    /// Whoever holds the other end sees it close when the launcher has died.
    pub(super) lifeline: (OwnedFd, OwnedFd),
    sandboxes: HashMap<u32, Running>,
    busy: Vec<Busy>,
}

/// A sandbox that runs.
pub(super) struct Running {
    pub(super) name: String,
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
    pub(super) group: Option<Group>,
    /// Its network namespace, if the launcher has made it.
    pub(super) network: Option<OwnedFd>,
    /// The files through which its cgroups are joined.
    pub(super) members: Vec<OwnedFd>,
    pub(super) memory_watch: Option<OwnedFd>,
    pub(super) out_of_memory: bool,
}

impl Running {
    /// What it has used so far.
    fn figures(&self) -> Figures {
        let figures = self.group.as_ref().map(Group::figures).unwrap_or_default();
        Figures { out_of_memory: figures.out_of_memory || self.out_of_memory, ..figures }
    }
}

/// A cgroup that could not be removed yet.
struct Busy {
    name: String,
    group: Group,
    figures: Figures,
    since: Instant,
}

impl Launcher {
    /// Waits for the configuration; `None` when the server went away or the configuration cannot be used.
    pub(super) fn configure(thread: SingleThread, server: OwnedFd) -> io::Result<Option<Self>> {
        let Some(Received { message: ToLauncher::Configure(configuration), .. }) = wire::receive(&server)? else {
            return Ok(None);
        };
        let first_uid = configuration.walls.as_ref().map(|walls| walls.first_uid);
        let own_uids = first_uid.is_some_and(|uid| own_uids_work(thread, uid));
        let overlays = first_uid.is_some_and(|uid| overlays_work(thread, own_uids.then_some(uid)));
        let walls = configuration.walls.as_ref();
        let machines = walls.and_then(|walls| Some((walls.machines.as_ref()?, walls.first_uid)));
        let made = policy::inner().and_then(|filter| {
            let host = machines.map(|(setup, first_uid)| Host::new(thread, setup, first_uid)).transpose()?;
            // All that is made from here on inherits it, and what it asks is heard in one place.
            let listener = walls.map(|_| obey_and_ask(&policy::outer()?, machines.is_none())).transpose()?;
            let events = epoll::create(CreateFlags::CLOEXEC)?;
            epoll::add(&events, &server, EventData::new_u64(SERVER), EventFlags::IN)?;
            let lifeline = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
            Ok((filter, listener, events, lifeline, host))
        });
        match made {
            Ok((filter, listener, events, lifeline, host)) => {
                let own_uids = host.as_ref().map_or(own_uids, Host::has_own_ids);
                let hearing: Vec<_> = listener.iter().map(AsFd::as_fd).collect();
                wire::send(&server, &FromLauncher::Configured { own_uids, overlays }, &hearing)?;
                // Whoever dies leaves nobody waiting: it is the server's alone.
                drop(listener);
                let surroundings = Surroundings { configuration: *configuration, own_uids, overlays };
                let setup = Setup { thread, surroundings, filter };
                let templates = Templates::new(&setup);
                let (forks, sandboxes, busy) = (Forks::default(), HashMap::new(), Vec::new());
                let networks = setup.surroundings.configuration.walls.as_ref().and_then(|_| Networks::new(thread));
                let mut launcher =
                    Self { setup, templates, forks, host, networks, server, events, lifeline, sandboxes, busy };
                launcher.keep_templates()?;
                Ok(Some(launcher))
            }
            Err(error) => {
                wire::send(&server, &FromLauncher::ConfigurationFailed(error.to_string()), &[])?;
                Ok(None)
            }
        }
    }

    /// Serves until the server is gone, then clears away.
    pub(super) fn serve(mut self) -> io::Result<()> {
        let served = self.run();
        self.clear_away();
        served
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            let busy = (!self.busy.is_empty()).then_some(REMOVE_INTERVAL);
            let timeout = busy.into_iter().chain(self.templates.rest()).min();
            let timeout = timeout.and_then(|timeout| rustix::time::Timespec::try_from(timeout).ok());
            let mut space = [MaybeUninit::<Event>::uninit(); 64];
            let ready: Vec<u64> = match epoll::wait(&self.events, &mut space, timeout.as_ref()) {
                Ok((events, _)) => events.iter().map(|event| event.data.u64()).collect(),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            // Ends first: they make room. New orders last.
            for tag in ready.iter().copied() {
                match tag {
                    SERVER => {}
                    template if template & TEMPLATE != 0 => {
                        let answers = self.templates.spoke(template & !TEMPLATE);
                        self.take_answers(answers)?;
                    }
                    fork if fork & FORK != 0 => self.fork_ended(fork & !FORK)?,
                    memory if memory & 1 == 1 => self.memory_ran_out(slot_of(memory)),
                    sandbox => self.ended(slot_of(sandbox))?,
                }
            }
            let overdue = self.templates.end_overdue();
            self.take_answers(overdue)?;
            self.retry_busy()?;
            self.keep_templates()?;
            if ready.contains(&SERVER) && !self.take_order()? {
                return Ok(());
            }
        }
    }

    /// Does what the server asks for; `false` when it is gone.
    fn take_order(&mut self) -> io::Result<bool> {
        let Some(Received { message, descriptors }) = wire::receive(&self.server)? else { return Ok(false) };
        match message {
            ToLauncher::Configure(_) => return Err(io::Error::other("configured twice")),
            ToLauncher::Create(order) => self.take_create(&order, descriptors)?,
            ToLauncher::Fork(fork) => self.take_fork(fork, &descriptors)?,
            ToLauncher::KillFork(name) => self.forks.kill(&name),
        }
        Ok(true)
    }

    fn take_create(&mut self, order: &CreateSandbox, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let Some(channel) = descriptors.into_iter().next() else {
            return Err(io::Error::other("a sandbox without a channel"));
        };
        let name = order.name.clone();
        match self.create_and_watch(order, channel) {
            Ok(pidfd) => wire::send(&self.server, &FromLauncher::Created { name }, &[pidfd.as_fd()]),
            Err(error) => {
                wire::send(&self.server, &FromLauncher::CreateFailed { name, message: error.to_string() }, &[])
            }
        }
    }

    fn take_fork(&mut self, fork: Fork, channel: &[OwnedFd]) -> io::Result<()> {
        let name = fork.name.clone();
        let sandbox = self.sandboxes.values().find(|running| running.name == name.sandbox);
        let is_asked = sandbox.is_some_and(|sandbox| {
            let passed = [&sandbox.pidfd].into_iter().chain(channel).chain(&sandbox.members);
            self.templates.fork(fork, &passed.map(AsFd::as_fd).collect::<Vec<_>>())
        });
        if is_asked { Ok(()) } else { wire::send(&self.server, &FromLauncher::NotForked(name), &[]) }
    }

    /// Hands on what templates say.
    fn take_answers(&mut self, answers: Vec<Answer>) -> io::Result<()> {
        for answer in answers {
            match answer {
                Answer::Forked { name, pid, pidfd } => {
                    let (number, pidfd) = self.forks.add(name, pid, pidfd);
                    epoll::add(&self.events, pidfd, EventData::new_u64(FORK | number), EventFlags::IN)?;
                }
                Answer::NotForked(name) => wire::send(&self.server, &FromLauncher::NotForked(name), &[])?,
                Answer::Unknown(name) => self.find_out(name)?,
            }
        }
        Ok(())
    }

    /// A template died over this order. If there is a copy of it that nobody knows, its program may have begun: then it must not begin
    /// again, and the sandbox goes.
    fn find_out(&mut self, name: CommandName) -> io::Result<()> {
        let inits = self.sandboxes.values().map(|running| running.pid);
        let known: Vec<_> = inits.chain(self.templates.pids()).chain(self.forks.pids()).collect();
        if !kill_children_but(&known) {
            return wire::send(&self.server, &FromLauncher::NotForked(name), &[]);
        }
        if let Some(running) = self.sandbox(&name.sandbox) {
            let _ = rustix::process::pidfd_send_signal(&running.pidfd, Signal::KILL);
        }
        Ok(())
    }

    fn sandbox(&self, name: &str) -> Option<&Running> {
        self.sandboxes.values().find(|running| running.name == name)
    }

    /// A copy has ended.
    fn fork_ended(&mut self, number: u64) -> io::Result<()> {
        let events = &self.events;
        let ended = self.forks.ended(number, |pidfd| Ok(epoll::delete(events, pidfd)?))?;
        let Some((CommandName { sandbox, .. }, exited)) = ended else { return Ok(()) };
        let figures = self.sandbox(&sandbox).map(Running::figures).unwrap_or_default();
        wire::send(&self.server, &FromLauncher::ForkEnded { sandbox, exited, figures }, &[])
    }

    /// Boots what is missing, and listens to it.
    fn keep_templates(&mut self) -> io::Result<()> {
        if let Some((number, socket)) = self.templates.keep(&self.setup) {
            epoll::add(&self.events, socket, EventData::new_u64(TEMPLATE | number), EventFlags::IN)?;
        }
        if let Some(are_ready) = self.templates.news() {
            wire::send(&self.server, &FromLauncher::Templates { are_ready }, &[])?;
        }
        Ok(())
    }

    fn create_and_watch(&mut self, order: &CreateSandbox, channel: OwnedFd) -> io::Result<OwnedFd> {
        let slot = (0..u32::MAX).find(|slot| !self.sandboxes.contains_key(slot)).unwrap_or_default();
        let running = create(self, order, slot, channel)?;
        let copy = running.pidfd.try_clone()?;
        epoll::add(&self.events, &running.pidfd, EventData::new_u64(tag_of(slot)), EventFlags::IN)?;
        if let Some(watch) = &running.memory_watch {
            epoll::add(&self.events, watch, EventData::new_u64(tag_of(slot) | 1), EventFlags::IN)?;
        }
        self.sandboxes.insert(slot, running);
        Ok(copy)
    }

    /// The kernel is about to kill one of its processes; all go.
    fn memory_ran_out(&mut self, slot: u32) {
        if let Some(running) = self.sandboxes.get_mut(&slot) {
            let mut count = [0; 8];
            // An event also comes when the group is removed; then the count is of no interest, for it is gone from the table.
            if rustix::io::read(running.memory_watch.as_ref().unwrap_or(&running.pidfd), &mut count).is_ok() {
                running.out_of_memory = true;
                let _ = rustix::process::pidfd_send_signal(&running.pidfd, Signal::KILL);
            }
        }
    }

    /// Its init has ended, and with it all that ran in it.
    fn ended(&mut self, slot: u32) -> io::Result<()> {
        let Some(running) = self.sandboxes.remove(&slot) else { return Ok(()) };
        // Closing them is not enough: the server has a copy of the one, a child that was just cloned of both, and what epoll still
        // watches would speak for whoever gets the slot next.
        epoll::delete(&self.events, &running.pidfd)?;
        if let Some(watch) = &running.memory_watch {
            epoll::delete(&self.events, watch)?;
        }
        rustix::process::waitpid(Some(running.pid), WaitOptions::empty())?;
        let figures = running.figures();
        if let (Some(networks), Some(network)) = (&mut self.networks, running.network) {
            networks.give_back(network)?;
        }
        match running.group {
            Some(group) => {
                self.busy.push(Busy { name: running.name, group, figures, since: Instant::now() });
                self.retry_busy()
            }
            None => wire::send(&self.server, &FromLauncher::Gone { name: running.name, figures }, &[]),
        }
    }

    fn retry_busy(&mut self) -> io::Result<()> {
        let mut gone = Vec::new();
        self.busy.retain_mut(|busy| {
            let removed = busy.group.remove().is_ok() || busy.since.elapsed() > REMOVE_PATIENCE;
            if removed {
                gone.push(FromLauncher::Gone { name: std::mem::take(&mut busy.name), figures: busy.figures });
            }
            !removed
        });
        gone.iter().try_for_each(|message| wire::send(&self.server, message, &[]))
    }

    /// Ends all sandboxes and removes their cgroups; the server is gone.
    fn clear_away(&mut self) {
        // An init without walls has to end its processes itself.
        let walls = self.setup.surroundings.configuration.walls.as_ref();
        let signal = if walls.is_some() { Signal::KILL } else { Signal::TERM };
        for running in self.sandboxes.values() {
            let _ = rustix::process::pidfd_send_signal(&running.pidfd, signal);
        }
        self.templates.close();
        // Copies come first, those too that their template had no time to tell of: an init ends when nothing is left that was born into its
        // pid namespace.
        let inits: Vec<_> = self.sandboxes.values().map(|running| running.pid).collect();
        kill_children_but(&inits);
        for (_, running) in self.sandboxes.drain() {
            let _ = rustix::process::waitpid(Some(running.pid), WaitOptions::empty());
            if let Some(group) = running.group {
                let (name, figures, since) = (running.name, Figures::default(), Instant::now());
                self.busy.push(Busy { name, group, figures, since });
            }
        }
        while !self.busy.is_empty() {
            // Nobody but us is left who could wait.
            self.busy.retain(|busy| busy.group.remove().is_err() && busy.since.elapsed() < REMOVE_PATIENCE);
            if !self.busy.is_empty() {
                std::thread::sleep(REMOVE_INTERVAL);
            }
        }
        if let Some(walls) = walls {
            // Fails when something of an earlier run is still in it, which the next start removes.
            let _ = walls.cgroups.group("").remove();
        }
    }
}

fn tag_of(slot: u32) -> u64 {
    (u64::from(slot) + 1) << 1
}

fn slot_of(tag: u64) -> u32 {
    u32::try_from((tag >> 1) - 1).unwrap_or_default()
}
