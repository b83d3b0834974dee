//! Booted nodes, of which sandboxes are forks: started, assigned, restarted.
//!
//! All forks of a template have the same layout of the address space, so by default a template serves one content only. A spare
//! one, never forked, stands by for the next content. Whoever finds no template gets a sandbox that starts node itself.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions};
use workers_engine_sys::seccomp::{Field, Instruction, Verdict};
use workers_engine_sys::{
    CommandImage, SingleThread, exec, exit_now, fork_process, install_as, keep_only, reset_signals, syscall_number,
};

use super::confine::obey_filter;
use super::serve::Setup;
use crate::message::{CreateSandbox, FromTemplate, Surroundings, TemplateSetup, ToTemplate};
use crate::wire::{self, Received};

/// After so many forks a template is replaced: whatever it may have piled up goes with it.
const MOST_FORKS: u32 = 20_000;

/// A template that does not answer within this time is ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a template may fail to boot before there are none any more.
const MOST_FAILURES: u32 = 3;

/// All templates of a launcher.
pub(super) struct Templates {
    setup: Option<TemplateSetup>,
    spare: Option<Template>,
    /// The last one was used last.
    assigned: Vec<Template>,
    next_number: u64,
    failures: u32,
    told: Option<bool>,
}

struct Template {
    number: u64,
    pid: Pid,
    socket: OwnedFd,
    is_ready: bool,
    is_watched: bool,
    content: String,
    forks: u32,
}

impl Templates {
    pub(super) fn new(setup: &Setup) -> Self {
        let walls = setup.surroundings.configuration.walls.as_ref();
        let setup = walls.and_then(|walls| walls.templates.clone());
        Self { setup, spare: None, assigned: Vec::new(), next_number: 0, failures: 0, told: None }
    }

    /// Boots a spare one if there is none; answers with those that nobody listens to yet.
    pub(super) fn keep(&mut self, setup: &Setup) -> Vec<(u64, &OwnedFd)> {
        if let Some(files) = &self.setup
            && self.spare.is_none()
            && self.failures < MOST_FAILURES
            && (files.most.is_some() || self.assigned.is_empty())
        {
            let number = self.next_number;
            self.next_number += 1;
            match boot(setup.thread, files, &setup.surroundings, number) {
                Ok(template) => self.spare = Some(template),
                Err(_) => self.failures += 1,
            }
        }
        let spare = self.spare.as_mut().filter(|spare| !spare.is_watched);
        let new = spare.map(|spare| {
            spare.is_watched = true;
            (spare.number, &spare.socket)
        });
        new.into_iter().collect()
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

    /// A template has something to say without being asked: that it is booted, or nothing any more.
    pub(super) fn spoke(&mut self, number: u64) {
        if let Some(spare) = self.spare.as_mut().filter(|spare| spare.number == number) {
            if let Ok(Some(Received { message: FromTemplate::Ready, .. })) = wire::receive(&spare.socket) {
                spare.is_ready = true;
                self.failures = 0;
            } else {
                self.failures += 1;
                if let Some(spare) = self.spare.take() {
                    spare.end();
                }
            }
        } else if let Some(index) = self.assigned.iter().position(|template| template.number == number) {
            // Answers are read where they are asked for, so this one has died.
            self.assigned.remove(index).end();
        }
    }

    /// Lets a template fork a sandbox; `None` when there is none that could.
    ///
    /// # Errors
    ///
    /// When it is not known whether there is a sandbox now. It ends by itself, for nobody releases it.
    pub(super) fn make(
        &mut self,
        order: &CreateSandbox,
        descriptors: [&OwnedFd; 3],
    ) -> io::Result<Option<(Pid, OwnedFd)>> {
        let Some(most) = self.setup.as_ref().map(|setup| setup.most) else { return Ok(None) };
        let Some(content) = &order.content else { return Ok(None) };
        let known = |template: &Template| most.is_none() || template.content == *content;
        let found = match self.assigned.iter().position(known) {
            Some(index) => Some(self.assigned.remove(index)),
            None => self.spare.take_if(|spare| spare.is_ready),
        };
        let Some(mut template) = found else { return Ok(None) };
        template.content.clone_from(content);
        let made = template.make(order, descriptors);
        if let Ok(Some(_)) = &made {
            template.forks += 1;
            if template.forks >= MOST_FORKS {
                template.end();
            } else {
                self.assigned.push(template);
            }
            if most.is_some_and(|most| self.assigned.len() > usize::try_from(most).unwrap_or(usize::MAX)) {
                self.assigned.remove(0).end();
            }
        } else {
            template.end();
        }
        made
    }
}

impl Template {
    fn make(&self, order: &CreateSandbox, descriptors: [&OwnedFd; 3]) -> io::Result<Option<(Pid, OwnedFd)>> {
        let order = ToTemplate::Make(order.clone());
        if wire::send(&self.socket, &order, &descriptors.map(AsFd::as_fd)).is_err() {
            // It has died before.
            return Ok(None);
        }
        match wire::receive(&self.socket)? {
            Some(Received { message: FromTemplate::Made { pid }, descriptors }) => {
                let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::other("no process"))?;
                let pidfd = descriptors.into_iter().next().ok_or_else(|| io::Error::other("no descriptor"))?;
                Ok(Some((pid, pidfd)))
            }
            Some(Received { message: FromTemplate::Failed { .. }, .. }) => Ok(None),
            _ => Err(io::Error::other("the template died")),
        }
    }

    fn end(self) {
        let _ = rustix::process::kill_process(self.pid, Signal::KILL);
        let _ = rustix::process::waitpid(Some(self.pid), WaitOptions::empty());
    }
}

/// A filter under which node finds that there is no `io_uring`. Its event loops would go on to use the rings in a child, where the
/// sandbox's own filter forbids it.
fn without_rings() -> Vec<Instruction> {
    const EPERM: u16 = 1;
    let refuse = syscall_number("io_uring_setup").map(|number| {
        let refused = Instruction::answer(Verdict::Errno(EPERM));
        [Instruction::load(Field::Number), Instruction::equal(number, 0, 1), refused]
    });
    refuse.into_iter().flatten().chain([Instruction::answer(Verdict::Allow)]).collect()
}

/// Starts a template; it says when it is booted.
fn boot(thread: SingleThread, files: &TemplateSetup, surroundings: &Surroundings, number: u64) -> io::Result<Template> {
    let (socket, theirs) = wire::channel()?;
    let arguments = [
        "node",
        // Threads do not survive a fork.
        "--single-threaded",
        "--v8-pool-size=1",
        "--disable-sigusr1",
        &files.script,
        &files.library,
    ];
    let environment = [("PATH", "/usr/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8"), ("LD_PRELOAD", &files.library)];
    let environment = environment.map(|(name, value)| format!("{name}={value}")).to_vec();
    let node = surroundings.configuration.node.clone();
    let image = CommandImage::new(vec![node], arguments.map(str::to_owned).to_vec(), environment)?;
    let null = rustix::fs::open(
        "/dev/null",
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    let filter = without_rings();
    let Some(pid) = fork_process(thread)? else {
        let prepared = || -> io::Result<()> {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            install_as(theirs.as_fd(), 0)?;
            install_as(null.as_fd(), 1)?;
            install_as(null.as_fd(), 2)?;
            keep_only(&[])?;
            reset_signals();
            obey_filter(&filter)
        };
        if prepared().is_ok() {
            let _ = exec(&image);
        }
        exit_now(127)
    };
    drop(theirs);
    let template =
        Template { number, pid, socket, is_ready: false, is_watched: false, content: String::new(), forks: 0 };
    rustix::net::sockopt::set_socket_timeout(&template.socket, rustix::net::sockopt::Timeout::Recv, Some(PATIENCE))?;
    wire::send(&template.socket, &ToTemplate::Configure(Box::new(surroundings.clone())), &[])?;
    Ok(template)
}
