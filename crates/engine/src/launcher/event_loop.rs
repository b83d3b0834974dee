//! The launcher's event loop.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::process::{Pid, Signal};
use workers_engine_sys::{SingleThread, try_wait_for};

use super::children::{TemplateChildren, kill_children_but, kill_children_in, reap_children_but};
use super::create::{SandboxFactory, create};
use super::devices::Devices;
use super::layers::LayerFactory;
use super::networks::Networks;
use super::privileges::install_filter_with_listener;
use super::probe::probe;
use super::proc_self::NamespaceIds;
use super::sandbox_entry::SandboxEntry;
use super::setup::Setup;
use super::templates::{ForkResult, Templates};
use crate::cgroup::{CgroupStats, Group};
use crate::message::{
    CommandName, CreateSandbox, Failure, ForkChild, FromLauncher, HostFeatures, LauncherContext, ToLauncher,
};
use crate::policy;
use crate::wire::{self, Received};

/// How long, and how often, we try to remove a cgroup whose last process has ended but which the kernel still reports
/// as busy.
const REMOVE_PATIENCE: Duration = Duration::from_secs(5);
const REMOVE_INTERVAL: Duration = Duration::from_millis(2);

/// How long all sandboxes together may take to end after the server is gone. Then the launcher exits, and what is left
/// is killed with it.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// A sandbox that still exists some time after a template's child in it has ended may wait for another process that
/// only the launcher can reap. We look for such processes after `FIRST_REAPING`, then after twice the time, and so on,
/// up to `LAST_REAPING`.
const FIRST_REAPING: Duration = Duration::from_millis(50);
const LAST_REAPING: Duration = Duration::from_secs(2);

/// How many of the processes that do not end are described in the log.
const MOST_DESCRIBED: usize = 8;

/// The time between two attempts to kill the sandboxes that were set aside.
const SET_ASIDE_INTERVAL: Duration = Duration::from_secs(1);

const SERVER: u64 = 0;

/// The most sandboxes of one launcher, because each has user ids of its own.
pub(crate) const MOST_SLOTS: u32 = 4096;

/// Bits that mark the events of templates, and of their children.
const TEMPLATE: u64 = 1 << 62;
const CHILD: u64 = 1 << 61;

/// The state of the launcher.
pub(super) struct Launcher {
    factory: SandboxFactory,
    templates: Templates,
    children: TemplateChildren,
    server: OwnedFd,
    events: OwnedFd,
    sandboxes: HashMap<u32, SandboxEntry>,
    busy: Vec<Busy>,
    /// When we next reap unknown children, and the pause before that.
    next_reaping: Option<(Instant, Duration)>,
    /// When we next kill the sandboxes that were set aside.
    next_kill: Option<Instant>,
    /// Whether another launcher of the same server makes all further sandboxes.
    is_replaced: bool,
}

/// A cgroup that could not be removed yet.
struct Busy {
    name: String,
    group: Group,
    stats: CgroupStats,
    since: Instant,
}

impl Launcher {
    /// Waits for the configuration. Returns `None` when the server has closed the socket or the configuration cannot be
    /// used.
    pub(super) fn configure(thread: SingleThread, server: OwnedFd) -> io::Result<Option<Self>> {
        let Some(Received { message: ToLauncher::Configure(configuration), .. }) = wire::receive(&server)? else {
            return Ok(None);
        };
        // Before anything is made: if the host permits less than before, the launcher must not work.
        let features = match probe(thread, &configuration) {
            Ok(features) => features,
            Err(error) => {
                wire::send(&server, &FromLauncher::ConfigurationFailed(error.to_string()), &[])?;
                return Ok(None);
            }
        };
        let isolation = configuration.isolation.as_ref();
        let containers = isolation.and_then(|isolation| Some((isolation.containers.as_ref()?, isolation.first_uid)));
        let made = policy::inner().and_then(|filter| {
            let layers =
                containers.map(|(setup, first_uid)| LayerFactory::new(thread, setup, first_uid)).transpose()?;
            // All processes made from here on inherit the filter, and one listener receives the calls that it reports.
            let listener =
                isolation.map(|_| install_filter_with_listener(&policy::outer()?, containers.is_none())).transpose()?;
            let events = epoll::create(CreateFlags::CLOEXEC)?;
            epoll::add(&events, &server, EventData::new_u64(SERVER), EventFlags::IN)?;
            let lifeline = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
            let devices = isolation
                .filter(|_| features.own_devices)
                .map(|isolation| Devices::of_host(&isolation.runtime.devices));
            Ok((filter, listener, events, lifeline, layers, devices.transpose()?))
        });
        match made {
            Ok((filter, listener, events, lifeline, layers, devices)) => {
                // Containers may have to share one range of ids although the launcher may map others, so their layers
                // decide.
                let features = HostFeatures {
                    own_uids: layers.as_ref().map_or(features.own_uids, LayerFactory::has_own_ids),
                    ..features
                };
                let descriptors: Vec<_> = listener.iter().map(AsFd::as_fd).collect();
                wire::send(&server, &FromLauncher::Configured(features), &descriptors)?;
                // Only the server keeps it: when the server exits, calls that wait for a response fail.
                drop(listener);
                let own = NamespaceIds::current()?;
                let context = LauncherContext { configuration: *configuration, features, host: own };
                let setup = Setup { thread, context, filter };
                let templates = Templates::new(&setup);
                let (children, sandboxes, busy, next_reaping, next_kill) =
                    (TemplateChildren::default(), HashMap::new(), Vec::new(), None, None);
                let networks = setup.context.configuration.isolation.as_ref().and_then(|_| Networks::new(thread));
                let mut launcher = Self {
                    factory: SandboxFactory { setup, devices, layers, networks, lifeline },
                    templates,
                    children,
                    server,
                    events,
                    sandboxes,
                    busy,
                    next_reaping,
                    next_kill,
                    is_replaced: false,
                };
                // At once, so that it boots while the server goes on with its own start.
                launcher.keep_templates()?;
                Ok(Some(launcher))
            }
            Err(error) => {
                wire::send(&server, &FromLauncher::ConfigurationFailed(error.to_string()), &[])?;
                Ok(None)
            }
        }
    }

    /// Handles events until the server is gone, then clears away.
    pub(super) fn run(mut self) -> io::Result<()> {
        let result = self.handle_events();
        self.clear_away();
        result
    }

    fn handle_events(&mut self) -> io::Result<()> {
        loop {
            let timeout = self.next_timeout();
            let timeout = timeout.and_then(|timeout| rustix::time::Timespec::try_from(timeout).ok());
            let mut space = [MaybeUninit::<Event>::uninit(); 64];
            let ready: Vec<u64> = match epoll::wait(&self.events, &mut space, timeout.as_ref()) {
                Ok((events, _)) => events.iter().map(|event| event.data.u64()).collect(),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            // Ends first, because they make room; new orders last.
            for tag in ready.iter().copied() {
                match tag {
                    SERVER => {}
                    template if template & TEMPLATE != 0 => {
                        let results = self.templates.handle_event(template & !TEMPLATE);
                        self.handle_fork_results(results)?;
                    }
                    child if child & CHILD != 0 => self.child_ended(child & !CHILD)?,
                    memory if memory & 1 == 1 => self.memory_ran_out(slot_of(memory)),
                    sandbox => self.ended(slot_of(sandbox))?,
                }
            }
            let overdue = self.templates.end_overdue();
            self.handle_fork_results(overdue)?;
            self.reap_unknown_children();
            self.kill_set_aside();
            self.retry_busy()?;
            self.keep_templates()?;
            // One order in each round: the socket stays ready for the next one, and ends that come meanwhile go first.
            if ready.contains(&SERVER) && !self.handle_order()? {
                return Ok(());
            }
        }
    }

    /// Returns the time until something has to be done without an event.
    fn next_timeout(&self) -> Option<Duration> {
        let until = |at: Instant| at.saturating_duration_since(Instant::now());
        let busy = (!self.busy.is_empty()).then_some(REMOVE_INTERVAL);
        let reaping = self.next_reaping.map(|(at, _)| until(at));
        [busy, reaping, self.next_kill.map(until), self.templates.next_timeout()].into_iter().flatten().min()
    }

    /// Reaps children that a process of a sandbox has made the launcher's. The filter forbids the calls for that; if
    /// there is a way nevertheless, the sandbox's init would wait forever for such a child.
    fn reap_unknown_children(&mut self) {
        let Some((at, pause)) = self.next_reaping.filter(|(at, _)| *at <= Instant::now()) else { return };
        // A template's child that the template has not reported yet would look like an unknown child.
        if !self.templates.has_pending_forks() {
            reap_children_but(&self.known_children());
        }
        let pause = pause * 2;
        self.next_reaping = (pause <= LAST_REAPING && !self.sandboxes.is_empty()).then(|| (at + pause, pause));
    }

    fn known_children(&self) -> Vec<Pid> {
        let inits = self.sandboxes.values().map(|entry| entry.pid);
        inits.chain(self.templates.pids()).chain(self.children.pids()).collect()
    }

    /// Handles the order that the server no longer waits for the end of a sandbox: from now on it is killed again and
    /// again.
    fn set_aside(&mut self, name: String) -> io::Result<()> {
        let found = self.sandboxes.values_mut().find(|entry| entry.name == name);
        let group = match found {
            Some(entry) => {
                entry.is_set_aside = true;
                entry.group.clone()
            }
            // Its init has ended, and the kernel still counts something in its cgroup.
            None => self.busy.iter().find(|busy| busy.name == name).map(|busy| busy.group.clone()),
        };
        let processes = group.map(|group| describe_processes(&group)).unwrap_or_default();
        self.next_kill = Some(Instant::now());
        wire::send(&self.server, &FromLauncher::SetAside { name, processes }, &[])
    }

    /// Kills the sandboxes that were set aside again, if it is time.
    fn kill_set_aside(&mut self) {
        if self.next_kill.is_none_or(|at| at > Instant::now()) {
            return;
        }
        if !self.templates.has_pending_forks() {
            reap_children_but(&self.known_children());
        }
        let mut is_left = false;
        for entry in self.sandboxes.values().filter(|entry| entry.is_set_aside) {
            is_left = true;
            let _ = rustix::process::pidfd_send_signal(&entry.pidfd, Signal::KILL);
            if let Some(group) = &entry.group {
                group.kill();
            }
        }
        self.next_kill = is_left.then(|| Instant::now() + SET_ASIDE_INTERVAL);
    }

    /// Carries out one order of the server. Returns `false` when the socket is closed.
    fn handle_order(&mut self) -> io::Result<bool> {
        let Some(Received { message, descriptors }) = wire::receive(&self.server)? else { return Ok(false) };
        match message {
            ToLauncher::Configure(_) => return Err(io::Error::other("configured twice")),
            ToLauncher::Create(order) => self.handle_create(&order, descriptors)?,
            ToLauncher::ForkChild(order) => self.handle_fork(order, &descriptors)?,
            ToLauncher::KillChild(name) => self.children.kill(&name),
            ToLauncher::SetAside { name } => self.set_aside(name)?,
            ToLauncher::Replaced => self.is_replaced = true,
            ToLauncher::RenewTemplates => self.templates.renew(),
            ToLauncher::Ping(number) => wire::send(&self.server, &FromLauncher::Pong(number), &[])?,
        }
        Ok(true)
    }

    fn handle_create(&mut self, order: &CreateSandbox, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let name = order.name.clone();
        match wire::first(descriptors).and_then(|channel| self.create_and_watch(order, channel)) {
            Ok(slot) => {
                // Passed without duplicating it, because there may be no room for another descriptor.
                let init = self.sandboxes.get(&slot).map(|entry| entry.pidfd.as_fd());
                wire::send(&self.server, &FromLauncher::Created { name }, init.as_slice())
            }
            Err(error) => {
                wire::send(&self.server, &FromLauncher::CreateFailed { name, failure: Failure::of(&error) }, &[])
            }
        }
    }

    fn handle_fork(&mut self, order: ForkChild, channel: &[OwnedFd]) -> io::Result<()> {
        let name = order.name.clone();
        if order.waits_for_boot && self.templates.boot_now(&order.content) {
            self.keep_templates()?;
        }
        let sandbox = self.sandboxes.values().find(|entry| entry.name == name.sandbox);
        // Without the channel, the child could not report anything.
        let is_ordered = sandbox.filter(|_| !channel.is_empty()).is_some_and(|sandbox| {
            let passed = [&sandbox.pidfd].into_iter().chain(channel).chain(&sandbox.members);
            self.templates.fork(order, &passed.map(AsFd::as_fd).collect::<Vec<_>>())
        });
        if is_ordered { Ok(()) } else { wire::send(&self.server, &FromLauncher::NotForked(name), &[]) }
    }

    /// Handles the results that templates have reported.
    fn handle_fork_results(&mut self, results: Vec<ForkResult>) -> io::Result<()> {
        for result in results {
            match result {
                ForkResult::Forked { name, pid, pidfd } => {
                    let (number, pidfd) = self.children.add(name, pid, pidfd);
                    epoll::add(&self.events, pidfd, EventData::new_u64(CHILD | number), EventFlags::IN)?;
                }
                ForkResult::NotForked(name) => wire::send(&self.server, &FromLauncher::NotForked(name), &[])?,
                ForkResult::Unknown(name) => self.resolve_unknown_fork(name)?,
            }
        }
        Ok(())
    }

    /// Handles an order during which its template ended. If there is an unknown child, its program may have begun. Then
    /// it must not begin a second time, so we kill the sandbox.
    fn resolve_unknown_fork(&mut self, name: CommandName) -> io::Result<()> {
        let known = self.known_children();
        match self.sandbox(&name.sandbox) {
            Some(entry) if kill_children_in(entry.pid, &known) => {
                let _ = rustix::process::pidfd_send_signal(&entry.pidfd, Signal::KILL);
                Ok(())
            }
            // Without the sandbox there is no process of it either.
            _ => wire::send(&self.server, &FromLauncher::NotForked(name), &[]),
        }
    }

    fn sandbox(&self, name: &str) -> Option<&SandboxEntry> {
        self.sandboxes.values().find(|entry| entry.name == name)
    }

    /// Handles the end of a template's child.
    fn child_ended(&mut self, number: u64) -> io::Result<()> {
        let events = &self.events;
        let ended = self.children.ended(number, |pidfd| Ok(epoll::delete(events, pidfd)?))?;
        let Some((CommandName { sandbox, .. }, exited)) = ended else { return Ok(()) };
        self.next_reaping = Some((Instant::now() + FIRST_REAPING, FIRST_REAPING));
        // If the whole sandbox has ended, the figures go to the server in its `Gone`.
        let stats = self.sandbox(&sandbox).map(SandboxEntry::stats).unwrap_or_default();
        wire::send(&self.server, &FromLauncher::ChildEnded { sandbox, exited, stats }, &[])
    }

    /// Boots a missing template, adds it to the event loop, and reports to the server whether there are templates.
    fn keep_templates(&mut self) -> io::Result<()> {
        if let Some((number, socket)) = self.templates.boot_spare(&self.factory.setup) {
            epoll::add(&self.events, socket, EventData::new_u64(TEMPLATE | number), EventFlags::IN)?;
        }
        if let Some(are_ready) = self.templates.readiness_change() {
            wire::send(&self.server, &FromLauncher::Templates { are_ready }, &[])?;
        }
        Ok(())
    }

    /// Makes a sandbox; returns its slot.
    fn create_and_watch(&mut self, order: &CreateSandbox, channel: OwnedFd) -> io::Result<u32> {
        // The lowest free one, because every slot that a container has had keeps two descriptors (`LayerFactory`).
        let slot = (0..MOST_SLOTS).find(|slot| !self.sandboxes.contains_key(slot));
        let slot = slot.ok_or_else(|| io::Error::other(format!("there are {MOST_SLOTS} sandboxes already")))?;
        let entry = create(&mut self.factory, order, slot, channel)?;
        if let Err(error) = self.watch(&entry, slot) {
            // Its end would go unnoticed.
            entry.kill_and_remove();
            return Err(error);
        }
        self.sandboxes.insert(slot, entry);
        Ok(slot)
    }

    fn watch(&self, entry: &SandboxEntry, slot: u32) -> io::Result<()> {
        epoll::add(&self.events, &entry.pidfd, EventData::new_u64(tag_of(slot)), EventFlags::IN)?;
        if let Some(watch) = &entry.memory_watch {
            epoll::add(&self.events, watch, EventData::new_u64(tag_of(slot) | 1), EventFlags::IN)?;
        }
        Ok(())
    }

    /// Handles an event of a memory watch: if the sandbox itself is out of memory, the kernel is about to kill one of
    /// its processes, and we kill all.
    fn memory_ran_out(&mut self, slot: u32) {
        if let Some(entry) = self.sandboxes.get_mut(&slot) {
            let mut count = [0; 8];
            // An event also comes when the group is removed; then the count does not matter, because the sandbox is no
            // longer in the table.
            // Until it is read, epoll reports the event again and again.
            let is_read = rustix::io::read(entry.memory_watch.as_ref().unwrap_or(&entry.pidfd), &mut count).is_ok();
            // The kernel sends the event to all groups below one that is full, and chooses itself what to kill. So we
            // check that this group is the full one.
            if is_read && entry.group.as_ref().is_none_or(Group::is_out_of_memory) {
                entry.out_of_memory = true;
                let _ = rustix::process::pidfd_send_signal(&entry.pidfd, Signal::KILL);
            }
        }
    }

    /// Handles the end of a sandbox's init, with which all its processes have ended.
    fn ended(&mut self, slot: u32) -> io::Result<()> {
        let Some(entry) = self.sandboxes.remove(&slot) else { return Ok(()) };
        // Closing the descriptors is not enough: the server has a duplicate of the pidfd, and a child that was just
        // cloned has duplicates of both. Then epoll goes on to watch them and reports their events for the next sandbox
        // in this slot.
        epoll::delete(&self.events, &entry.pidfd)?;
        if let Some(watch) = &entry.memory_watch {
            epoll::delete(&self.events, watch)?;
        }
        // It has ended, so this does not block.
        let _ = try_wait_for(entry.pid);
        let stats = entry.stats();
        if let (Some(networks), Some(network)) = (&mut self.factory.networks, entry.network) {
            networks.give_back(network)?;
        }
        match entry.group {
            Some(group) => {
                self.busy.push(Busy { name: entry.name, group, stats, since: Instant::now() });
                self.retry_busy()
            }
            None => wire::send(&self.server, &FromLauncher::Gone { name: entry.name, stats }, &[]),
        }
    }

    fn retry_busy(&mut self) -> io::Result<()> {
        let mut gone = Vec::new();
        self.busy.retain_mut(|busy| {
            // A group that stays is removed when the engine ends, or at its next start (`sweep_cgroups`).
            let removed = busy.group.remove().is_ok() || busy.since.elapsed() > REMOVE_PATIENCE;
            if removed {
                gone.push(FromLauncher::Gone { name: std::mem::take(&mut busy.name), stats: busy.stats });
            }
            !removed
        });
        gone.iter().try_for_each(|message| wire::send(&self.server, message, &[]))
    }

    /// Ends all sandboxes and removes their cgroups, after the server is gone.
    fn clear_away(&mut self) {
        // An init without isolation has to end its processes itself, so it gets SIGTERM.
        let isolation = self.factory.setup.context.configuration.isolation.as_ref();
        let signal = if isolation.is_some() { Signal::KILL } else { Signal::TERM };
        for entry in self.sandboxes.values() {
            let _ = rustix::process::pidfd_send_signal(&entry.pidfd, signal);
        }
        // Before their children are killed, because a template that lives could still make one.
        self.templates.close();
        let deadline = Instant::now() + END_PATIENCE;
        loop {
            // First we kill the templates' children, including those that their template had no time to report: an init
            // ends only when no process is left that was born into its pid namespace.
            let inits: Vec<_> = self.sandboxes.values().map(|entry| entry.pid).collect();
            kill_children_but(&inits);
            let busy = &mut self.busy;
            self.sandboxes.retain(|_, entry| {
                let is_there = matches!(try_wait_for(entry.pid), Ok(None));
                if let Some(group) = entry.group.take_if(|_| !is_there) {
                    let (name, stats, since) = (entry.name.clone(), CgroupStats::default(), Instant::now());
                    busy.push(Busy { name, group, stats, since });
                }
                is_there
            });
            // The server is gone, so it does not matter that this blocks.
            self.busy.retain(|busy| busy.group.remove().is_err());
            if (self.sandboxes.is_empty() && self.busy.is_empty()) || Instant::now() >= deadline {
                break;
            }
            std::thread::sleep(REMOVE_INTERVAL);
        }
        // If another launcher has replaced this one, its sandboxes' cgroups are in the same directory.
        if let Some(isolation) = isolation.filter(|_| !self.is_replaced) {
            // Fails when something of an earlier run is still in it, which the next start removes.
            let _ = isolation.cgroups.group("").remove();
        }
    }
}

/// Describes the processes in a group for the log: id, name, state, and the kernel function that it waits in.
fn describe_processes(group: &Group) -> String {
    let read = |pid: Pid, file: &str| {
        // A process that has ended meanwhile has no such file.
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", pid.as_raw_nonzero())).unwrap_or_default();
        text.trim().to_owned()
    };
    let processes = group.processes().into_iter().take(MOST_DESCRIBED).map(|pid| {
        let state =
            read(pid, "status").lines().find_map(|line| line.strip_prefix("State:")).map(str::trim).map(str::to_owned);
        format!(
            "{} `{}` {} in {}",
            pid.as_raw_nonzero(),
            read(pid, "comm"),
            state.unwrap_or_default(),
            read(pid, "wchan")
        )
    });
    processes.collect::<Vec<_>>().join("; ")
}

fn tag_of(slot: u32) -> u64 {
    // Counted from 1, because tag 0 is the server's; the lowest bit marks the events of memory watches.
    (u64::from(slot) + 1) << 1
}

fn slot_of(tag: u64) -> u32 {
    u32::try_from((tag >> 1) - 1).unwrap_or_default()
}
