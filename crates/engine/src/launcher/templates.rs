//! Booted nodes, which are forked for programs: started, assigned, restarted.
//!
//! All forks of a template have the same layout of the address space, so by default a template serves one content only.
//! A spare one, never forked, stands by for the next content, and for when a template is worn out. Whoever finds none
//! starts node himself.
//!
//! The launcher never waits for a template: it hands over an order, and hears later what became of it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Pid, PidfdFlags, Signal};
use workers_engine_sys::{
    CommandImage, SingleThread, bear_children_beside, exec, exit_now, fork_process, install_as, keep_only,
    reset_signals,
};

use super::check::Told;
use super::enter::{null_device, raise_oom_score};
use super::forks::kill_and_reap;
use super::room::{available, size_of};
use super::serve::Setup;
use crate::message::{CommandName, Fork, FromTemplate, Surroundings, TemplateSetup, ToTemplate};
use crate::wire::{self, Received};

/// After so many forks it is looked whether a template has grown, and by so much it may.
const FORKS_BETWEEN_LOOKS: u32 = 256;
const MOST_GROWTH: u64 = 32 << 20;

/// A template that does not answer within this time is ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between the starts of two templates: booting one costs more than it saves to a program that runs once, so that where
/// every program is another one, most of them start their own node.
const BOOT_INTERVAL: Duration = Duration::from_millis(100);

/// How often a template may fail to boot before it counts that there are none. It is tried again after a while that
/// grows.
const MOST_FAILURES: u32 = 3;
const LONG_PAUSE: Duration = Duration::from_secs(4);

/// After so many failures it is not expected any more, and tried seldom.
const FAILURES_FOR_GOOD: u32 = 64;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// All templates of a launcher.
pub(super) struct Templates {
    setup: Option<TemplateSetup>,
    spare: Option<Template>,
    /// The last one was used last.
    assigned: Vec<Template>,
    /// They are asked for nothing any more, and end when they have answered.
    retired: Vec<Template>,
    next_number: u64,
    last_boot: Option<Instant>,
    failures: u32,
    told: Option<bool>,
    /// Whether the size of an assigned one has become known.
    is_to_weigh: bool,
}

/// What has become of an order.
pub(super) enum Answer {
    /// There is a copy.
    Forked { name: CommandName, pid: Pid, pidfd: OwnedFd },
    /// There is no copy.
    NotForked(CommandName),
    /// The template died before it could tell.
    Unknown(CommandName),
}

/// What a template says.
enum Heard {
    Booted,
    Answer(Answer),
}

struct Template {
    number: u64,
    pid: Pid,
    socket: OwnedFd,
    is_ready: bool,
    is_watched: bool,
    content: String,
    forks: u32,
    /// Whether it is asked for no more forks.
    is_worn: bool,
    /// Its own memory when it had booted.
    size: Option<u64>,
    /// What it has not answered yet, in the order in which it was asked.
    asked: VecDeque<CommandName>,
    /// When it was asked for the first of them, or answered last.
    since: Instant,
}

impl Templates {
    pub(super) fn new(setup: &Setup) -> Self {
        let walls = setup.surroundings.configuration.walls.as_ref();
        Self {
            setup: walls.and_then(|walls| walls.templates.clone()).filter(|_| can_send_children()),
            spare: None,
            assigned: Vec::new(),
            retired: Vec::new(),
            next_number: 0,
            last_boot: None,
            failures: 0,
            told: None,
            is_to_weigh: false,
        }
    }

    /// Boots a spare one if there is none and it is time; answers with one that nobody listens to yet.
    pub(super) fn keep(&mut self, setup: &Setup) -> Option<(u64, &OwnedFd)> {
        if let Some(files) = &self.setup
            && self.wants_spare()
            && self.last_boot.is_none_or(|last| last.elapsed() >= self.pause())
        {
            let number = self.next_number;
            self.next_number += 1;
            self.last_boot = Some(Instant::now());
            match boot(setup.thread, files, &setup.surroundings, number) {
                Ok(template) => self.spare = Some(template),
                Err(_) => self.failures = self.failures.saturating_add(1),
            }
        }
        let new = self.spare.as_mut().filter(|spare| !spare.is_watched)?;
        new.is_watched = true;
        Some((new.number, &new.socket))
    }

    /// Sees that a spare one boots at once if one is wanted for this content, unless booting fails.
    pub(super) fn hasten(&mut self, content: &str) -> bool {
        let is_wanted = self.wants_spare() && self.failures == 0 && self.assigned_to(content).is_none();
        if is_wanted {
            self.last_boot = None;
        }
        is_wanted
    }

    /// Which template serves a content.
    fn assigned_to(&self, content: &str) -> Option<usize> {
        let serves_all = self.setup.as_ref().is_some_and(|setup| setup.room.is_none());
        self.assigned.iter().position(|template| serves_all || template.content == content)
    }

    fn wants_spare(&self) -> bool {
        self.setup.is_some() && self.spare.is_none()
    }

    /// How long after the last boot the next one begins. What keeps a template from booting may be over soon (no
    /// processes or no memory are left, its files are away), or never (another Node.js).
    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let longest = if self.failures > FAILURES_FOR_GOOD { LONGEST_PAUSE } else { LONG_PAUSE };
        BOOT_INTERVAL.saturating_mul(1 << doublings).min(longest)
    }

    /// Uses those that there are no more, and boots others at once.
    pub(super) fn renew(&mut self) {
        (self.failures, self.last_boot) = (0, None);
        for template in self.assigned.drain(..).chain(self.spare.take()).collect::<Vec<_>>() {
            self.retire(template);
        }
    }

    /// How long it may take until something has to be done without anybody asking for it.
    pub(super) fn rest(&self) -> Option<Duration> {
        let boot = self.last_boot.filter(|_| self.wants_spare()).map(|last| last + self.pause());
        let asked = self.all().filter(|template| !template.asked.is_empty()).map(|template| template.since + PATIENCE);
        asked.chain(boot).min().map(|next| next.saturating_duration_since(Instant::now()))
    }

    fn all(&self) -> impl Iterator<Item = &Template> {
        self.assigned.iter().chain(&self.retired).chain(&self.spare)
    }

    /// Whether a template may have made a copy that it has not told of.
    pub(super) fn are_asked(&self) -> bool {
        self.all().any(|template| !template.asked.is_empty())
    }

    /// The processes that are templates.
    pub(super) fn pids(&self) -> Vec<Pid> {
        self.all().map(|template| template.pid).collect()
    }

    /// Whether there are templates, when that has changed since it was asked for last.
    pub(super) fn news(&mut self) -> Option<bool> {
        let known = match &self.spare {
            _ if self.setup.is_none() || self.failures >= MOST_FAILURES => Some(false),
            Some(spare) if spare.is_ready => Some(true),
            _ => self.told,
        };
        (known != std::mem::replace(&mut self.told, known)).then_some(known).flatten()
    }

    /// A template has something to say: that it is booted, what has become of an order, or (by its end) nothing any
    /// more.
    pub(super) fn spoke(&mut self, number: u64) -> Vec<Answer> {
        let answers = self.hear(number);
        if std::mem::take(&mut self.is_to_weigh) {
            self.keep_within_room();
        }
        answers
    }

    fn hear(&mut self, number: u64) -> Vec<Answer> {
        if let Some(spare) = self.spare.as_mut().filter(|spare| spare.number == number) {
            if let Ok(Some(Received { message: FromTemplate::Ready, .. })) = wire::receive(&spare.socket) {
                spare.become_ready();
                self.failures = 0;
            } else if let Some(spare) = self.spare.take() {
                // One that was booted shows that it can be done.
                self.failures = self.failures.saturating_add(u32::from(!spare.is_ready));
                spare.end();
            }
            return Vec::new();
        }
        for list in [&mut self.assigned, &mut self.retired] {
            let Some(index) = list.iter().position(|template| template.number == number) else { continue };
            let Some(template) = list.get_mut(index) else { continue };
            let heard = template.hear();
            let is_done = template.is_worn && template.asked.is_empty();
            let answers = match heard {
                Some(Heard::Booted) => {
                    self.failures = 0;
                    self.is_to_weigh = true;
                    Vec::new()
                }
                Some(Heard::Answer(answer)) => vec![answer],
                None => {
                    self.failures = self.failures.saturating_add(u32::from(!template.is_ready));
                    return list.remove(index).end();
                }
            };
            if is_done {
                list.remove(index).end();
            }
            return answers;
        }
        Vec::new()
    }

    /// Ends those that do not answer.
    pub(super) fn end_overdue(&mut self) -> Vec<Answer> {
        let is_overdue = |template: &mut Template| !template.asked.is_empty() && template.since.elapsed() >= PATIENCE;
        let (assigned, retired) = (&mut self.assigned, &mut self.retired);
        let overdue = assigned.extract_if(.., is_overdue).chain(retired.extract_if(.., is_overdue));
        overdue.flat_map(Template::end).collect()
    }

    /// Ends all, and boots none any more.
    pub(super) fn close(&mut self) {
        self.setup = None;
        for template in self.assigned.drain(..).chain(self.retired.drain(..)).chain(self.spare.take()) {
            template.end();
        }
    }

    /// Orders a fork; whether somebody could be asked.
    pub(super) fn fork(&mut self, fork: Fork, descriptors: &[BorrowedFd<'_>]) -> bool {
        let Some(forks) = self.setup.as_ref().map(|setup| setup.forks) else { return false };
        let Fork { name, content, waits } = fork;
        let known = self.assigned_to(&content).map(|index| self.assigned.remove(index));
        let is_new = known.is_none();
        let found = known.or_else(|| self.spare.take_if(|spare| spare.is_ready || waits));
        let Some(mut template) = found else { return false };
        // A template that cannot be asked any more is heard of by its end.
        let asked = template.ask(name, descriptors);
        template.content = content;
        template.is_worn = template.forks >= forks || template.has_grown();
        if template.is_worn {
            self.retired.push(template);
        } else {
            self.assigned.push(template);
        }
        if is_new {
            self.keep_within_room();
        }
        asked
    }

    /// Ends those that were used least recently, until all have room and others have memory.
    pub(super) fn keep_within_room(&mut self) {
        let Some(room) = self.setup.as_ref().and_then(|setup| setup.room) else { return };
        let sizes: Vec<_> = self.assigned.iter().map(|template| template.size.unwrap_or_default()).collect();
        let surplus = room.surplus(&sizes, available());
        for template in self.assigned.drain(..surplus).collect::<Vec<_>>() {
            self.retire(template);
        }
    }

    fn retire(&mut self, mut template: Template) {
        if template.asked.is_empty() {
            template.end();
        } else {
            template.is_worn = true;
            self.retired.push(template);
        }
    }
}

impl Template {
    fn ask(&mut self, name: CommandName, descriptors: &[BorrowedFd<'_>]) -> bool {
        if wire::send(&self.socket, &ToTemplate::Fork, descriptors).is_err() {
            return false;
        }
        if self.asked.is_empty() {
            self.since = Instant::now();
        }
        self.forks += 1;
        self.asked.push_back(name);
        true
    }

    /// Whether it has piled something up, by a look at every so many forks.
    fn has_grown(&mut self) -> bool {
        // While it boots it has not its size yet.
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

    /// What it says: that it is booted, or what became of the oldest order. `None` when it is dead or mad.
    fn hear(&mut self) -> Option<Heard> {
        let Ok(Some(Received { message, descriptors })) = wire::receive(&self.socket) else { return None };
        let copy = match message {
            // Without a descriptor the end of a copy cannot be watched; it is handled as if it had not been announced.
            FromTemplate::Forked { pid } => Some((Pid::from_raw(pid)?, wire::first(descriptors).ok()?)),
            FromTemplate::NotForked { .. } => None,
            FromTemplate::Ready if self.is_ready => return None,
            FromTemplate::Ready => {
                self.become_ready();
                return Some(Heard::Booted);
            }
        };
        let name = self.asked.pop_front()?;
        self.since = Instant::now();
        Some(Heard::Answer(match copy {
            Some((pid, pidfd)) => Answer::Forked { name, pid, pidfd },
            None => Answer::NotForked(name),
        }))
    }

    /// Kills it. The first thing it was asked may be done.
    fn end(self) -> Vec<Answer> {
        kill_and_reap(self.pid);
        let answer = |(index, name)| if index == 0 { Answer::Unknown(name) } else { Answer::NotForked(name) };
        self.asked.into_iter().enumerate().map(answer).collect()
    }
}

/// Whether this process, and what it starts, may let its children be born into a sandbox's pid namespace.
fn can_send_children() -> bool {
    let itself = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty());
    itself.is_ok_and(|itself| bear_children_beside(itself.as_fd()).is_ok())
}

/// Starts a template; it says when it is booted.
fn boot(thread: SingleThread, files: &TemplateSetup, surroundings: &Surroundings, number: u64) -> io::Result<Template> {
    let (socket, theirs) = wire::channel()?;
    let options = [
        // Threads do not survive a fork.
        "--single-threaded",
        "--v8-pool-size=1",
        "--disable-sigusr1",
        // Without a compiler thread, V8 leaves a loop that runs in Maglev's code there, at a fifth of the speed.
        "--no-maglev-osr",
        // What was compiled ahead stays compiled.
        "--no-flush-bytecode",
        // It collects garbage in a heap that has been idle for seconds: a template has, and each of its copies would
        // begin with that.
        "--no-memory-reducer",
    ];
    let arguments = ["node"].into_iter().chain(options).chain([files.script.as_str(), &files.library, &files.module]);
    // The loader takes a space or a colon for the end of a path, so it gets one from the directory that the process
    // begins in.
    let (directory, library) = files.library.rsplit_once('/').unwrap_or((".", &files.library));
    let preloaded = format!("./{library}");
    let environment = [("PATH", "/usr/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8"), ("LD_PRELOAD", &preloaded)];
    let environment = environment.map(|(name, value)| format!("{name}={value}")).to_vec();
    let node = surroundings.configuration.node.clone();
    let image = CommandImage::new(vec![node], arguments.map(str::to_owned).collect(), environment)?;
    let null = null_device()?;
    let Some(pid) = fork_process(thread)? else {
        let prepared = || -> io::Result<()> {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            rustix::process::chdir(directory)?;
            install_as(theirs.as_fd(), 0)?;
            install_as(null.as_fd(), 1)?;
            install_as(null.as_fd(), 2)?;
            keep_only(&[])?;
            // Its copies inherit it.
            raise_oom_score(&Told::open()?)?;
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
        is_worn: false,
        size: None,
        asked: VecDeque::new(),
        since: Instant::now(),
    };
    for timeout in [Timeout::Recv, Timeout::Send] {
        set_socket_timeout(&template.socket, timeout, Some(PATIENCE))?;
    }
    wire::send(&template.socket, &ToTemplate::Configure(Box::new(surroundings.clone())), &[])?;
    Ok(template)
}
