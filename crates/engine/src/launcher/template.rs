//! The code that runs in a template, a booted node that is forked for the launcher.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fs::{CWD, readlinkat};
use rustix::pipe::PipeFlags;
use rustix::process::DumpableBehavior;
use workers_engine_sys::template::{MemoryLayout, NodeEnv};
use workers_engine_sys::trim_memory;
use workers_engine_sys::{
    Cloned, SingleThread, clone_sibling, exit_now, install_as, keep_only, set_child_pid_namespace,
};

use super::join::{TargetSandbox, join};
use super::setup::Setup;
use super::steps::null_device;
use crate::fault::number_of;
use crate::message::{FromChild, FromTemplate, NodeProgram, ToTemplate};
use crate::policy;
use crate::wire::{self, Received};

/// How often, and with which pause, we check whether node's other threads are idle.
const SLEEP_CHECKS: u32 = 500;
const SLEEP_CHECK_PAUSE: Duration = Duration::from_millis(2);

/// A descriptor that node has open when it has booted. Besides the program's event loop there are others, for threads
/// that are not forked along; node still writes to them, and runs one of them when it exits.
struct NodeDescriptor {
    number: i32,
    kind: DescriptorKind,
}

enum DescriptorKind {
    /// An eventfd that threads are woken through.
    Event,
    /// An epoll instance.
    Poll,
    /// The reading end of a pipe within the process, with the number of its writing end and whether there is data in it
    /// (data means that a lock is free).
    Pipe { writer: i32, is_filled: bool, flags: PipeFlags },
    /// Anything else.
    Other,
}

/// Runs this process as a template: forks it whenever the launcher orders so. Returns only in a child that is to run a
/// program, with that program as JSON.
/// The template's script calls it through the library that node loads, which uses nothing else of this crate.
///
/// # Errors
///
/// When this process is not a template of a launcher, or cannot be forked safely.
#[doc(hidden)]
pub fn run_template(node_env: NodeEnv) -> io::Result<String> {
    // Never dropped, because the children close all descriptors by number.
    let launcher = ManuallyDrop::new(rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?);
    let null = ManuallyDrop::new(null_device()?);
    install_as(null.as_fd(), 0)?;
    let Some(Received { message: ToTemplate::Configure(context), .. }) = wire::receive(&*launcher)? else {
        exit_now(0)
    };
    node_env.prepare()?;
    if std::process::id() <= 2 {
        // A child's process id is 2, and libraries detect a fork by a change of the process id.
        return Err(io::Error::other("this node cannot be a template"));
    }
    // Memory that is given back now does not have to be copied at a fork.
    trim_memory();
    let memory_layout = MemoryLayout::read()?;
    let descriptors = node_descriptors(&[launcher.as_raw_fd(), null.as_raw_fd()])?;
    let mut setup = Setup { thread: wait_until_threads_sleep()?, context: *context, filter: policy::inner()? };
    wire::send(&*launcher, &FromTemplate::Ready, &[])?;
    loop {
        let Some(Received { message, descriptors: passed }) = wire::receive(&*launcher)? else { exit_now(0) };
        let ToTemplate::Fork = message else { exit_now(1) };
        setup.thread = wait_until_threads_sleep()?;
        match fork(&setup, passed) {
            Ok(Forked::Parent { pid, pidfd }) => {
                wire::send(&*launcher, &FromTemplate::Forked { pid }, &[pidfd.as_fd()])?;
            }
            Ok(Forked::Child(program)) => return become_program(node_env, &descriptors, memory_layout, &program),
            Err(error) => wire::send(&*launcher, &FromTemplate::NotForked { message: error.to_string() }, &[])?,
        }
    }
}

/// Waits until all other threads of this process are idle.
fn wait_until_threads_sleep() -> io::Result<SingleThread> {
    // The checks take about a second in all. After five the launcher kills the template (`PATIENCE`).
    let mut checked = SingleThread::check_others_sleep();
    for _ in 0..SLEEP_CHECKS {
        if checked.is_ok() {
            break;
        }
        std::thread::sleep(SLEEP_CHECK_PAUSE);
        checked = SingleThread::check_others_sleep();
    }
    checked
}

enum Forked {
    Parent { pid: i32, pidfd: OwnedFd },
    Child(NodeProgram),
}

/// Forks. The child returns when it has joined the sandbox and has a program to run.
fn fork(setup: &Setup, passed: Vec<OwnedFd>) -> io::Result<Forked> {
    let target = TargetSandbox::new(passed)?;
    // No process can join a pid namespace; it can only be born into one.
    set_child_pid_namespace(target.init.as_fd())?;
    match clone_sibling(setup.thread)? {
        Cloned::Parent { pid, pidfd } => Ok(Forked::Parent { pid: pid.as_raw_nonzero().get(), pidfd }),
        // Even after a panic, the child must not run on as the template.
        Cloned::Child => match catch_unwind(AssertUnwindSafe(|| park(setup, &target))) {
            Ok(Ok(program)) => Ok(Forked::Child(program)),
            Ok(Err(error)) => {
                // Fails if the server is gone; then there is no receiver for the error.
                let failed = FromChild::Failed { message: error.to_string(), errno: number_of(&error) };
                let _ = wire::send(&target.channel, &failed, &[]);
                exit_now(127)
            }
            // The code of a Rust program that panics.
            Err(_) => exit_now(101),
        },
    }
}

/// Parks a child: joins the sandbox, then waits there for a program and its outputs.
fn park(setup: &Setup, target: &TargetSandbox) -> io::Result<NodeProgram> {
    join(setup, target)?;
    wire::send(&target.channel, &FromChild::Parked, &[])?;
    let Some(Received { message, descriptors }) = wire::receive(&target.channel)? else { exit_now(0) };
    let [stdout, stderr] =
        <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::Error::other("a program without its two outputs"))?;
    install_as(stdout.as_fd(), 1)?;
    install_as(stderr.as_fd(), 2)?;
    Ok(message)
}

/// Returns the descriptors that node has open, without `ours`.
fn node_descriptors(ours: &[i32]) -> io::Result<Vec<NodeDescriptor>> {
    let mut open = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(target) = readlinkat(CWD, entry.path(), Vec::new()) else { continue };
        // The directory itself is open while we read it, and closed afterwards.
        let is_this_directory = target.as_bytes().starts_with(b"/proc/");
        if number > 2 && !ours.contains(&number) && !is_this_directory {
            open.push((number, target.into_bytes()));
        }
    }
    let describe = |(number, target): &(i32, Vec<u8>)| {
        let kind = match target.as_slice() {
            b"anon_inode:[eventfd]" => DescriptorKind::Event,
            b"anon_inode:[eventpoll]" => DescriptorKind::Poll,
            pipe if pipe.starts_with(b"pipe:") => pipe_between(*number, pipe, &open)?,
            _ => DescriptorKind::Other,
        };
        Ok(NodeDescriptor { number: *number, kind })
    };
    open.iter().map(describe).collect()
}

/// Returns the kind of a pipe's descriptor. A writing end counts as [`DescriptorKind::Other`], because it is replaced
/// together with its reading end.
fn pipe_between(number: i32, target: &[u8], open: &[(i32, Vec<u8>)]) -> io::Result<DescriptorKind> {
    let other = open.iter().find(|(other, name)| *other != number && name == target).map(|(other, _)| *other);
    // `pipe` returns the reading end first, so that has the lower number.
    let Some(writer) = other.filter(|other| *other > number) else { return Ok(DescriptorKind::Other) };
    let (waiting, is_blocking) = workers_engine_sys::pipe_state(number)?;
    let flags = if is_blocking { PipeFlags::CLOEXEC } else { PipeFlags::CLOEXEC | PipeFlags::NONBLOCK };
    Ok(DescriptorKind::Pipe { writer, is_filled: waiting > 0, flags })
}

/// Occupies the numbers that node uses, so that no other descriptor gets them before node's own are in place again.
fn reserve(descriptors: &[NodeDescriptor]) -> io::Result<()> {
    let null = above(descriptors, null_device()?)?;
    descriptors.iter().try_for_each(|descriptor| replace(&null, descriptor.number))
}

/// Moves a descriptor to a number above all that node uses.
fn above(descriptors: &[NodeDescriptor], descriptor: OwnedFd) -> io::Result<OwnedFd> {
    let last = descriptors.iter().map(|descriptor| descriptor.number).max().unwrap_or_default();
    let moved = rustix::io::fcntl_dupfd_cloexec(&descriptor, last + 1)?;
    drop(descriptor);
    Ok(moved)
}

/// Runs in a child, once it is isolated: replaces everything that the child still shares with the template.
fn become_program(
    node_env: NodeEnv,
    descriptors: &[NodeDescriptor],
    memory_layout: MemoryLayout,
    program: &NodeProgram,
) -> io::Result<String> {
    let repaired = || -> io::Result<String> {
        replace_descriptors(node_env, descriptors)?;
        if let Some(mib) = program.heap_mib {
            node_env.limit_heap(usize::try_from(mib << 20).map_err(io::Error::other)?)?;
        }
        let arguments: Vec<_> = [&["node".to_owned()], program.options.as_slice(), program.script.as_slice()].concat();
        let environment: Vec<_> = program.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        memory_layout.set_command_line(&arguments, &environment)?;
        // Dumpable again, as after an exec. Until here no process in the sandbox could inspect this one.
        rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        Ok(serde_json::to_string(program)?)
    };
    repaired().inspect_err(|error| {
        // The program's standard error is the only way to report anything from here on.
        let _ = rustix::io::write(io::stderr(), format!("node: {error}\n").as_bytes());
        exit_now(127)
    })
}

/// Closes everything but the outputs, and opens new descriptors for node under the numbers that node uses.
fn replace_descriptors(node_env: NodeEnv, descriptors: &[NodeDescriptor]) -> io::Result<()> {
    keep_only(&[])?;
    reserve(descriptors)?;
    for descriptor in descriptors {
        match descriptor.kind {
            DescriptorKind::Event => {
                let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
                replace(&above(descriptors, event)?, descriptor.number)?;
            }
            DescriptorKind::Poll => {
                let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
                replace(&above(descriptors, poll)?, descriptor.number)?;
            }
            DescriptorKind::Pipe { writer, is_filled, flags } => {
                let (reads, writes) = rustix::pipe::pipe_with(flags)?;
                if is_filled {
                    rustix::io::write(&writes, b"*")?;
                }
                let (reads, writes) = (above(descriptors, reads)?, above(descriptors, writes)?);
                replace(&reads, descriptor.number)?;
                replace(&writes, writer)?;
            }
            DescriptorKind::Other => {}
        }
    }
    // It closes the event loop's descriptors and opens as many new ones.
    node_env.fork_event_loop()
}

/// Makes `descriptor` available under `number`, until a program is executed.
fn replace(descriptor: &OwnedFd, number: i32) -> io::Result<()> {
    install_as(descriptor.as_fd(), number)?;
    workers_engine_sys::close_at_exec(number)
}
