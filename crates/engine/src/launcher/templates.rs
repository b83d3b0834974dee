//! Manages the templates, booted nodes that are forked for programs: boots, assigns and replaces them.
//!
//! All forks of a template have the same address space layout, so by default a template serves one content only. One
//! spare template, which has never been forked, stands ready for the next content, or to replace a retired one. A
//! program for which there is no template starts its own node.
//!
//! The launcher never waits for a template: it sends an order, and handles the result when it arrives.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Pid, PidfdFlags, Signal};
use workers_engine_sys::{
    CommandImage, SingleThread, exec, exit_now, fork_process, install_as, keep_only, reset_signals,
    set_child_pid_namespace,
};

use super::children::kill_and_reap;
use super::oom_score::raise_oom_score;
use super::proc_self::ProcSelf;
use super::setup::Setup;
use super::steps::null_device;
use super::template_memory::{available, size_of};
use crate::message::{CommandName, ForkChild, FromTemplate, LauncherContext, TemplateSetup, ToTemplate};
use crate::wire::{self, Received};

/// After how many forks we check whether a template has grown, and by how many bytes it may grow.
const FORKS_BETWEEN_LOOKS: u32 = 256;
const MOST_GROWTH: u64 = 32 << 20;

/// A template that does not respond within this time is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The time between the starts of two templates. Booting one costs more than it saves for a program that runs once.
/// With this interval, where every program is a different one, most of them start their own node.
const BOOT_INTERVAL: Duration = Duration::from_millis(100);

/// How many boots may fail in a row before we report that there are no templates. Booting is tried again after a pause,
/// which grows up to `LONG_PAUSE`.
const MOST_FAILURES: u32 = 3;
const LONG_PAUSE: Duration = Duration::from_secs(4);

/// After so many failures we no longer expect success and try only every `LONGEST_PAUSE`.
const FAILURES_FOR_GOOD: u32 = 64;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// All templates of a launcher.
pub(super) struct Templates {
    setup: Option<TemplateSetup>,
    spare: Option<Template>,
    /// In order of use: the last element is the most recently used.
    assigned: Vec<Template>,
    /// Templates that get no more orders to fork, and are killed when they have responded to all earlier ones.
    retired: Vec<Template>,
    next_number: u64,
    last_boot: Option<Instant>,
    failures: u32,
    /// Whether there are templates, as last reported to the server; `None` before the first report.
    reported: Option<bool>,
    /// Whether an assigned template has finished booting, so that its size is now available.
    must_check_memory: bool,
}

/// The result of an order to fork.
pub(super) enum ForkResult {
    /// There is a child.
    Forked { name: CommandName, pid: Pid, pidfd: OwnedFd },
    /// There is no child.
    NotForked(CommandName),
    /// The template ended before it reported a result.
    Unknown(CommandName),
}

/// A message from a template.
enum TemplateMessage {
    Booted,
    ForkResult(ForkResult),
}

struct Template {
    number: u64,
    pid: Pid,
    socket: OwnedFd,
    /// Whether it has booted.
    is_ready: bool,
    /// Whether the event loop watches its socket.
    is_watched: bool,
    /// The content that it is assigned to; empty for a spare one.
    content: String,
    forks: u32,
    /// Whether it gets no more orders to fork.
    is_retired: bool,
    /// The size of its own memory in bytes, measured when it had booted.
    size: Option<u64>,
    /// The orders to fork without a result so far, oldest first.
    pending: VecDeque<CommandName>,
    /// When the oldest of these orders was sent, or the last result arrived.
    since: Instant,
}

impl Templates {
    pub(super) fn new(setup: &Setup) -> Self {
        let isolation = setup.context.configuration.isolation.as_ref();
        Self {
            setup: isolation
                .and_then(|isolation| isolation.templates.clone())
                .filter(|_| can_set_child_pid_namespace()),
            spare: None,
            assigned: Vec::new(),
            retired: Vec::new(),
            next_number: 0,
            last_boot: None,
            failures: 0,
            reported: None,
            must_check_memory: false,
        }
    }

    /// Boots a spare template if there is none and the pause is over. Returns the number and socket of a spare template
    /// that the event loop does not watch yet.
    pub(super) fn boot_spare(&mut self, setup: &Setup) -> Option<(u64, &OwnedFd)> {
        if let Some(files) = &self.setup
            && self.wants_spare()
            && self.last_boot.is_none_or(|last| last.elapsed() >= self.pause())
        {
            let number = self.next_number;
            self.next_number += 1;
            // Before the attempt, so that a failed one is followed by its pause, too.
            self.last_boot = Some(Instant::now());
            match boot(setup.thread, files, &setup.context, number) {
                Ok(template) => self.spare = Some(template),
                Err(_) => self.failures = self.failures.saturating_add(1),
            }
        }
        let new = self.spare.as_mut().filter(|spare| !spare.is_watched)?;
        new.is_watched = true;
        Some((new.number, &new.socket))
    }

    /// Makes a spare template boot at once if one is missing for this content, unless booting fails. Returns whether it
    /// did.
    pub(super) fn boot_now(&mut self, content: &str) -> bool {
        let is_wanted = self.wants_spare() && self.failures == 0 && self.assigned_to(content).is_none();
        if is_wanted {
            self.last_boot = None;
        }
        is_wanted
    }

    /// Returns the index of the template that serves a content.
    fn assigned_to(&self, content: &str) -> Option<usize> {
        // Without a budget one template serves all contents (`TemplateSetup::budget`).
        let serves_all = self.setup.as_ref().is_some_and(|setup| setup.budget.is_none());
        self.assigned.iter().position(|template| serves_all || template.content == content)
    }

    fn wants_spare(&self) -> bool {
        self.setup.is_some() && self.spare.is_none()
    }

    /// Returns how long after the last boot the next one begins. The reason why a template does not boot may pass soon
    /// (no processes or memory left, its files missing), or never (another Node.js).
    fn pause(&self) -> Duration {
        // Enough to reach the longest pause, and few enough not to overflow.
        let doublings = self.failures.saturating_sub(1).min(16);
        let longest = if self.failures > FAILURES_FOR_GOOD { LONGEST_PAUSE } else { LONG_PAUSE };
        BOOT_INTERVAL.saturating_mul(1 << doublings).min(longest)
    }

    /// Ends all templates and boots new ones at once.
    pub(super) fn renew(&mut self) {
        (self.failures, self.last_boot) = (0, None);
        for template in self.assigned.drain(..).chain(self.spare.take()).collect::<Vec<_>>() {
            self.retire(template);
        }
    }

    /// Returns the time until something has to be done without an event: a boot, or ending an overdue template.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        // At once, if no pause runs.
        let boot = self.wants_spare().then(|| self.last_boot.map_or_else(Instant::now, |last| last + self.pause()));
        let overdue =
            self.all().filter(|template| !template.pending.is_empty()).map(|template| template.since + PATIENCE);
        overdue.chain(boot).min().map(|next| next.saturating_duration_since(Instant::now()))
    }

    fn all(&self) -> impl Iterator<Item = &Template> {
        self.assigned.iter().chain(&self.retired).chain(&self.spare)
    }

    /// Returns whether a template may have made a child that it has not reported yet.
    pub(super) fn has_pending_forks(&self) -> bool {
        self.all().any(|template| !template.pending.is_empty())
    }

    /// Returns the process ids of all templates.
    pub(super) fn pids(&self) -> Vec<Pid> {
        self.all().map(|template| template.pid).collect()
    }

    /// Returns whether there are templates, if that has changed since the last call.
    pub(super) fn readiness_change(&mut self) -> Option<bool> {
        let known = match &self.spare {
            _ if self.setup.is_none() || self.failures >= MOST_FAILURES => Some(false),
            Some(spare) if spare.is_ready => Some(true),
            // While a template boots there is no news.
            _ => self.reported,
        };
        (known != std::mem::replace(&mut self.reported, known)).then_some(known).flatten()
    }

    /// Handles an event on a template's socket: it has booted, it reports the result of an order, or (when the socket
    /// is closed) it has ended.
    pub(super) fn handle_event(&mut self, number: u64) -> Vec<ForkResult> {
        let results = self.receive(number);
        if std::mem::take(&mut self.must_check_memory) {
            self.keep_within_budget();
        }
        results
    }

    fn receive(&mut self, number: u64) -> Vec<ForkResult> {
        if let Some(spare) = self.spare.as_mut().filter(|spare| spare.number == number) {
            if let Ok(Some(Received { message: FromTemplate::Ready, .. })) = wire::receive(&spare.socket) {
                spare.become_ready();
                self.failures = 0;
            } else if let Some(spare) = self.spare.take() {
                // A spare that had booted counts as no failure: booting works.
                self.failures = self.failures.saturating_add(u32::from(!spare.is_ready));
                spare.end();
            }
            // A spare template has no orders, so there are no results.
            return Vec::new();
        }
        for list in [&mut self.assigned, &mut self.retired] {
            let Some(index) = list.iter().position(|template| template.number == number) else { continue };
            let Some(template) = list.get_mut(index) else { continue };
            let received = template.receive();
            let is_done = template.is_retired && template.pending.is_empty();
            let results = match received {
                Some(TemplateMessage::Booted) => {
                    self.failures = 0;
                    self.must_check_memory = true;
                    Vec::new()
                }
                Some(TemplateMessage::ForkResult(result)) => vec![result],
                None => {
                    self.failures = self.failures.saturating_add(u32::from(!template.is_ready));
                    return list.remove(index).end();
                }
            };
            if is_done {
                list.remove(index).end();
            }
            return results;
        }
        Vec::new()
    }

    /// Kills the templates that do not respond in time.
    pub(super) fn end_overdue(&mut self) -> Vec<ForkResult> {
        let is_overdue = |template: &mut Template| !template.pending.is_empty() && template.since.elapsed() >= PATIENCE;
        let (assigned, retired) = (&mut self.assigned, &mut self.retired);
        let overdue = assigned.extract_if(.., is_overdue).chain(retired.extract_if(.., is_overdue));
        overdue.flat_map(Template::end).collect()
    }

    /// Ends all templates, and boots no more.
    pub(super) fn close(&mut self) {
        self.setup = None;
        for template in self.assigned.drain(..).chain(self.retired.drain(..)).chain(self.spare.take()) {
            template.end();
        }
    }

    /// Orders a fork. Returns whether a template took the order.
    pub(super) fn fork(&mut self, order: ForkChild, descriptors: &[BorrowedFd<'_>]) -> bool {
        let Some(max_forks) = self.setup.as_ref().map(|setup| setup.max_forks) else { return false };
        let ForkChild { name, content, waits_for_boot } = order;
        // Taken out here and pushed to the end below, because the list is in order of use.
        let known = self.assigned_to(&content).map(|index| self.assigned.remove(index));
        let is_new = known.is_none();
        let found = known.or_else(|| self.spare.take_if(|spare| spare.is_ready || waits_for_boot));
        let Some(mut template) = found else { return false };
        // If sending fails, the template has ended, and the event loop sees that on its socket.
        let is_sent = template.send_fork(name, descriptors);
        template.content = content;
        template.is_retired = template.forks >= max_forks || template.has_grown();
        if template.is_retired {
            self.retired.push(template);
        } else {
            self.assigned.push(template);
        }
        if is_new {
            self.keep_within_budget();
        }
        is_sent
    }

    /// Ends the least recently used templates, until the rest is within the budget and leaves enough memory to others.
    pub(super) fn keep_within_budget(&mut self) {
        let Some(budget) = self.setup.as_ref().and_then(|setup| setup.budget) else { return };
        // A template that still boots counts when it has booted (`must_check_memory`).
        let sizes: Vec<_> = self.assigned.iter().map(|template| template.size.unwrap_or_default()).collect();
        let surplus = budget.surplus(&sizes, available());
        for template in self.assigned.drain(..surplus).collect::<Vec<_>>() {
            self.retire(template);
        }
    }

    fn retire(&mut self, mut template: Template) {
        if template.pending.is_empty() {
            template.end();
        } else {
            template.is_retired = true;
            self.retired.push(template);
        }
    }
}

impl Template {
    fn send_fork(&mut self, name: CommandName, descriptors: &[BorrowedFd<'_>]) -> bool {
        if wire::send(&self.socket, &ToTemplate::Fork, descriptors).is_err() {
            return false;
        }
        if self.pending.is_empty() {
            self.since = Instant::now();
        }
        self.forks += 1;
        self.pending.push_back(name);
        true
    }

    /// Returns whether the template's memory has grown too much; checked only once every `FORKS_BETWEEN_LOOKS` forks.
    fn has_grown(&mut self) -> bool {
        // A template that still boots has not reached its normal size yet.
        if !self.is_ready || self.forks % FORKS_BETWEEN_LOOKS != 1 {
            return false;
        }
        let size = size_of(self.pid);
        size > *self.size.get_or_insert(size) + MOST_GROWTH
    }

    fn become_ready(&mut self) {
        self.is_ready = true;
        self.size = Some(size_of(self.pid));
    }

    /// Reads a message: the template has booted, or the result of the oldest order. Returns `None` when the template
    /// has ended or breaks the protocol.
    fn receive(&mut self) -> Option<TemplateMessage> {
        let Ok(Some(Received { message, descriptors })) = wire::receive(&self.socket) else { return None };
        let child = match message {
            // Without a descriptor we cannot watch for the end of the child; it is handled as if the template had not
            // reported it.
            FromTemplate::Forked { pid } => Some((Pid::from_raw(pid)?, wire::first(descriptors).ok()?)),
            FromTemplate::NotForked { .. } => None,
            FromTemplate::Ready if self.is_ready => return None,
            FromTemplate::Ready => {
                self.become_ready();
                return Some(TemplateMessage::Booted);
            }
        };
        let name = self.pending.pop_front()?;
        self.since = Instant::now();
        Some(TemplateMessage::ForkResult(match child {
            Some((pid, pidfd)) => ForkResult::Forked { name, pid, pidfd },
            None => ForkResult::NotForked(name),
        }))
    }

    /// Kills the template. The first of its open orders may have been carried out already, so its result is unknown.
    fn end(self) -> Vec<ForkResult> {
        kill_and_reap(self.pid);
        // A template carries out one order after the other, so it has not begun the later ones.
        let result = |(index, name)| if index == 0 { ForkResult::Unknown(name) } else { ForkResult::NotForked(name) };
        self.pending.into_iter().enumerate().map(result).collect()
    }
}

/// Returns whether this process, and the processes it starts, may let their children be born into a sandbox's pid
/// namespace.
fn can_set_child_pid_namespace() -> bool {
    let itself = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty());
    // With its own namespace, which changes nothing.
    itself.is_ok_and(|itself| set_child_pid_namespace(itself.as_fd()).is_ok())
}

/// Starts a template, which sends a message when it has booted.
fn boot(thread: SingleThread, files: &TemplateSetup, context: &LauncherContext, number: u64) -> io::Result<Template> {
    let (socket, theirs) = wire::channel()?;
    let options = [
        // Threads do not survive a fork.
        "--single-threaded",
        "--v8-pool-size=1",
        "--disable-sigusr1",
        // Without a compiler thread, V8 keeps running a loop in Maglev's code, at a fifth of the speed.
        "--no-maglev-osr",
        // Keeps the code that was compiled ahead.
        "--no-flush-bytecode",
        // The memory reducer collects garbage in a heap that has been idle for seconds. A template is idle, so each of
        // its children would begin with a garbage collection.
        "--no-memory-reducer",
    ];
    let arguments = ["node"].into_iter().chain(options).chain([files.script.as_str(), &files.library, &files.module]);
    // The loader takes a space or a colon in `LD_PRELOAD` for the end of a path, so we pass a path relative to the
    // directory in which the process starts.
    let (directory, library) = files.library.rsplit_once('/').unwrap_or((".", &files.library));
    let preloaded = format!("./{library}");
    let environment = [("PATH", "/usr/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8"), ("LD_PRELOAD", &preloaded)];
    let environment = environment.map(|(name, value)| format!("{name}={value}")).to_vec();
    let node = context.configuration.node.clone();
    let image = CommandImage::new(vec![node], arguments.map(str::to_owned).collect(), environment)?;
    let null = null_device()?;
    let Some(pid) = fork_process(thread)? else {
        let prepared = || -> io::Result<()> {
            // A launcher that is killed ends no template itself.
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            rustix::process::chdir(directory)?;
            install_as(theirs.as_fd(), 0)?;
            install_as(null.as_fd(), 1)?;
            install_as(null.as_fd(), 2)?;
            keep_only(&[])?;
            // Its children inherit the score.
            raise_oom_score(&ProcSelf::open()?)?;
            // The launcher ignores some signals (`ignore_requests_to_end`), and signals that are ignored stay so across
            // an exec.
            reset_signals();
            Ok(())
        };
        if prepared().is_ok() {
            let _ = exec(&image);
        }
        exit_now(127)
    };
    drop(theirs);
    let template = Template {
        number,
        pid,
        socket,
        is_ready: false,
        is_watched: false,
        content: String::new(),
        forks: 0,
        is_retired: false,
        size: None,
        pending: VecDeque::new(),
        since: Instant::now(),
    };
    // The launcher must wait no longer for a template that neither reads nor writes: that would hold up all sandboxes.
    let configured = [Timeout::Recv, Timeout::Send]
        .into_iter()
        .try_for_each(|timeout| set_socket_timeout(&template.socket, timeout, Some(PATIENCE)))
        .map_err(io::Error::from)
        .and_then(|()| wire::send(&template.socket, &ToTemplate::Configure(Box::new(context.clone())), &[]));
    if let Err(error) = configured {
        kill_and_reap(template.pid);
        return Err(error);
    }
    Ok(template)
}
