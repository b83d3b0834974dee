//! The code that runs in a zygote: a child of a template that has loaded a program, in a sandbox that is kept, and is
//! forked for each run of it.
//!
//! A run is a child of the zygote. It waits for its program on the zygote's channel to the server, which only runs
//! read, one after the other. The zygote talks to the sandbox's init alone, because a message from a process that has
//! run a user's code must not reach the server's hands.

use std::collections::HashSet;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{DumpableBehavior, Pid};
use workers_engine_sys::template::{MemoryLayout, NodeEnv};
use workers_engine_sys::{SingleThread, clone_child, close_from, exit_now, gather_memory, install_as, wait_for};

use super::node_descriptors::{NodeDescriptor, above, replace_descriptors};
use super::program::{limit_heap, or_exit, show_command_line, take_outputs};
use super::steps::null_device;
use crate::message::{Exited, FromZygote, NodeProgram, PackedProgram, ToZygote};
use crate::wire::{self, Received};

/// The id of the process that runs the program, in the sandbox. Init has 1, the zygote has 2.
pub(crate) const RUN_PID: u32 = 3;

/// The least number of the descriptor through which the harness prints, so that the program's own get the usual ones.
const LEAST_OF_PROGRAM: i32 = 512;

/// What the template's script gets in the process that finds out whether the program has used `Math.random`.
const PROBE: &str = r#"{"probe":true}"#;

/// The channels of a zygote.
#[derive(Debug)]
pub(super) struct ZygoteChannels {
    /// On which the server sends each run its program.
    pub(super) programs: OwnedFd,
    /// To the sandbox's init.
    pub(super) init: OwnedFd,
}

/// A zygote, from when it begins to load its program.
#[derive(Debug)]
struct Zygote {
    /// Never dropped: a run closes all descriptors by number.
    programs: ManuallyDrop<OwnedFd>,
    init: ManuallyDrop<OwnedFd>,
    /// The reading end of the pipe that is standard output and standard error while the program loads.
    printed: ManuallyDrop<OwnedFd>,
    null: ManuallyDrop<OwnedFd>,
    parts: ZygoteParts,
}

/// What a zygote knows of the node that it is a copy of.
#[derive(Debug)]
pub(super) struct ZygoteParts {
    pub(super) descriptors: Vec<NodeDescriptor>,
    pub(super) memory_layout: MemoryLayout,
    /// Where the id of its thread is kept.
    pub(super) id_at: u64,
}

static ZYGOTE: OnceLock<Zygote> = OnceLock::new();

/// The number of the run, in a run.
static RUN: OnceLock<u32> = OnceLock::new();

/// Whether it has been found out that runs may be forked.
static IS_PROBED: AtomicBool = AtomicBool::new(false);

/// Makes a child of a template a zygote that loads this program. Returns the program for the script.
pub(super) fn begin(
    node_env: NodeEnv,
    channels: ZygoteChannels,
    parts: ZygoteParts,
    program: &NodeProgram,
) -> io::Result<String> {
    let above = |descriptor| above(&parts.descriptors, descriptor);
    let (programs, init, null) = (above(channels.programs)?, above(channels.init)?, above(null_device()?)?);
    // What is printed through these, and not through the console, cannot be printed again in each run.
    let (printed, prints) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let printed = above(printed)?;
    install_as(prints.as_fd(), 1)?;
    install_as(prints.as_fd(), 2)?;
    drop(prints);
    replace_descriptors(node_env, &parts.descriptors, &[&programs, &init, &printed, &null])?;
    limit_heap(node_env, program)?;
    // Not dumpable, unlike a process that runs a program: no run may look into the zygote.
    show_command_line(parts.memory_layout, program)?;
    let [programs, init, printed, null] = [programs, init, printed, null].map(ManuallyDrop::new);
    let zygote = Zygote { programs, init, printed, null, parts };
    ZYGOTE.set(zygote).map_err(|_| io::Error::other("the process is a zygote already"))?;
    Ok(serde_json::to_string(program)?)
}

/// Called when the program is loaded. In the zygote it returns only in each run that is forked, with a seed for
/// `Math.random` as JSON. Called once more in a run, it waits for the run's program and returns that as JSON. In
/// between the run does what needs nothing of its program, while no invocation waits for it.
///
/// # Errors
///
/// When this process is no zygote.
pub(super) fn park(node_env: NodeEnv) -> io::Result<String> {
    let zygote = ZYGOTE.get().ok_or_else(|| io::Error::other("this process is no zygote"))?;
    if let Some(number) = RUN.get() {
        return or_exit(zygote.receive_program(*number));
    }
    if !IS_PROBED.swap(true, Ordering::AcqRel) {
        match zygote.find_reason(node_env) {
            Ok(Fitness::Fit) => {}
            Ok(Fitness::Unfit(reason)) => zygote.give_up(reason),
            Ok(Fitness::Probe) => return Ok(PROBE.to_owned()),
            Err(error) => zygote.give_up(error.to_string()),
        }
    }
    or_exit(zygote.serve(node_env))
}

/// Whether a run that is forked is the same as one that loads the program itself.
enum Fitness {
    Fit,
    Unfit(String),
    /// This is the process that finds out whether the program has used `Math.random`.
    Probe,
}

impl Zygote {
    /// Tells init that each run has to load the program itself, and ends.
    fn give_up(&self, reason: String) -> ! {
        let _ = wire::send(&*self.init, &FromZygote::Unfit { reason }, &[]);
        exit_now(0)
    }

    /// Looks for a reason why a run that is forked would be another than one that loads the program.
    fn find_reason(&self, node_env: NodeEnv) -> io::Result<Fitness> {
        let mut reasons: Vec<&str> = node_env.sights()?;
        if workers_engine_sys::pipe_state(self.printed.as_raw_fd())?.0 > 0 {
            reasons.push("it prints while it loads, but not through the console");
        }
        let Ok(thread) = SingleThread::check() else {
            return Ok(Fitness::Unfit("it starts threads".to_owned()));
        };
        if !self.has_only_known_descriptors()? {
            reasons.push("it leaves a file or a socket open");
        }
        if !reasons.is_empty() {
            return Ok(Fitness::Unfit(reasons.join("; ")));
        }
        let Some(probe) = clone_child(thread, self.parts.id_at)? else { return Ok(Fitness::Probe) };
        let ended = wait_for(probe)?;
        // Ids are given out in their order, so another one means that there were other processes or threads before.
        if u32::try_from(probe.as_raw_nonzero().get()) != Ok(RUN_PID) {
            return Ok(Fitness::Unfit("it starts processes or threads".to_owned()));
        }
        let is_unused = ended.status == Ok(0);
        Ok(if is_unused { Fitness::Fit } else { Fitness::Unfit("it uses Math.random".to_owned()) })
    }

    /// Returns whether no descriptor is open that was not open when the program began to load. Those of node are the
    /// same in each run, which makes them anew.
    fn has_only_known_descriptors(&self) -> io::Result<bool> {
        let own = [&self.programs, &self.init, &self.printed, &self.null].map(|descriptor| descriptor.as_raw_fd());
        let known: HashSet<i32> =
            (0..=2).chain(own).chain(self.parts.descriptors.iter().map(|descriptor| descriptor.number)).collect();
        let mut unknown = 0;
        for entry in std::fs::read_dir("/proc/self/fd")? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            unknown += usize::from(number.is_none_or(|number| !known.contains(&number)));
        }
        // One is the directory itself.
        Ok(unknown <= 1)
    }

    /// Forks a run whenever init orders so. Returns in each run, with its program.
    fn serve(&self, node_env: NodeEnv) -> io::Result<String> {
        for number in 0..=2 {
            install_as(self.null.as_fd(), number)?;
        }
        gather_memory();
        let thread = SingleThread::check()?;
        wire::send(&*self.init, &FromZygote::Loaded, &[])?;
        // The server and init count the runs, too.
        for number in 1_u32.. {
            // Init and the zygote end together, so there is no reason to clear away.
            let Some(Received { message: ToZygote::Fork, .. }) = wire::receive(&*self.init)? else { exit_now(0) };
            let Some(run) = clone_child(thread, self.parts.id_at)? else {
                return self.become_run(node_env, number);
            };
            wire::send(&*self.init, &FromZygote::Forked, &[])?;
            self.report_end(run)?;
        }
        exit_now(0)
    }

    fn report_end(&self, run: Pid) -> io::Result<()> {
        // Init knows the number of the run.
        let ended = Exited::new(0, wait_for(run)?, false);
        wire::send(&*self.init, &FromZygote::Ended(ended), &[])
    }

    /// Makes this process a run, as far as that needs nothing of its program.
    fn become_run(&self, node_env: NodeEnv, number: u32) -> io::Result<String> {
        RUN.set(number).map_err(|_| io::Error::other("the process is a run already"))?;
        rustix::process::setsid()?;
        replace_descriptors(node_env, &self.parts.descriptors, &[&*self.programs])?;
        Ok(format!("{{\"seed\":{}}}", NodeProgram::random_seed()?))
    }

    /// Waits for the program of this run.
    fn receive_program(&self, number: u32) -> io::Result<String> {
        let (packed, descriptors) = loop {
            let Some((packed, descriptors)) = wire::receive_bytes(&*self.programs)? else { exit_now(0) };
            // That of an earlier run is still there if the run was killed before it read it. It must not run now.
            if PackedProgram::unpack(&packed)?.run == number {
                break (packed, descriptors);
            }
        };
        let PackedProgram { arguments, environment, script, .. } = PackedProgram::unpack(&packed)?;
        take_outputs(descriptors)?;
        // The zygote's own descriptors come after all of node's.
        close_from(self.programs.as_raw_fd())?;
        self.parts.memory_layout.set_command_line(arguments, environment)?;
        // As after an exec; see `appear_as`.
        rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        let own = rustix::io::fcntl_dupfd_cloexec(io::stdout(), LEAST_OF_PROGRAM)?;
        let pipe = rustix::fs::fstat(&own)?.st_ino;
        // JSON that begins with another member than what the server sends, so that nothing has to be parsed here.
        Ok(format!("{{\"output\":[{},{pipe}],{script}", ManuallyDrop::new(own).as_raw_fd()))
    }
}
