//! In a template: a booted node that is forked for the launcher.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fs::{CWD, readlinkat};
use rustix::pipe::PipeFlags;
use rustix::process::DumpableBehavior;
use workers_engine_sys::template::{Described, Runtime};
use workers_engine_sys::trim_memory;
use workers_engine_sys::{Cloned, SingleThread, bear_children_beside, clone_sibling, exit_now, install_as, keep_only};

use super::enter::null_device;
use super::join::{Place, join};
use super::serve::Setup;
use crate::fault::number_of;
use crate::message::{FromCopy, FromTemplate, NodeProgram, ToTemplate};
use crate::policy;
use crate::wire::{self, Received};

/// How often, and at which distance, is looked whether node's other threads have come to rest.
const QUIET_ATTEMPTS: u32 = 500;
const QUIET_PAUSE: Duration = Duration::from_millis(2);

/// A descriptor that node has open when it is booted. Beside the event loop of the program there are others, for
/// threads that are not forked along; node still writes to them, and runs one of them when it leaves.
struct NodeDescriptor {
    number: i32,
    kind: Kind,
}

enum Kind {
    /// An event counter that threads are woken through.
    Event,
    /// What waits.
    Poll,
    /// The reading end of a pipe of the process to itself, with the number of its other end and whether something is in
    /// it, which means that a lock is free.
    Pipe { writer: i32, is_filled: bool, flags: PipeFlags },
    /// Anything else.
    Other,
}

/// What the template's script calls: forks this process for the launcher, and returns in a copy that is to run a
/// program, with that program as JSON. The library that node loads has no other use for this crate.
///
/// # Errors
///
/// When this process is not a template of a launcher, or cannot be forked safely.
#[doc(hidden)]
pub fn serve_template(runtime: Runtime) -> io::Result<String> {
    // Never dropped: the copies close theirs by number.
    let launcher = ManuallyDrop::new(rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?);
    let null = ManuallyDrop::new(null_device()?);
    install_as(null.as_fd(), 0)?;
    let Some(Received { message: ToTemplate::Configure(surroundings), .. }) = wire::receive(&*launcher)? else {
        exit_now(0)
    };
    runtime.prepare()?;
    if std::process::id() <= 2 {
        // A copy's id is 2; libraries tell by the id whether they were forked.
        return Err(io::Error::other("this node cannot be a template"));
    }
    // What is not there need not be copied.
    trim_memory();
    let described = Described::read()?;
    let descriptors = node_descriptors(&[launcher.as_raw_fd(), null.as_raw_fd()])?;
    let mut setup = Setup { thread: when_quiet()?, surroundings: *surroundings, filter: policy::inner()? };
    wire::send(&*launcher, &FromTemplate::Ready, &[])?;
    loop {
        let Some(Received { message, descriptors: passed }) = wire::receive(&*launcher)? else { exit_now(0) };
        let ToTemplate::Fork = message else { exit_now(1) };
        setup.thread = when_quiet()?;
        match fork(&setup, passed) {
            Ok(Forked::Parent { pid, pidfd }) => {
                wire::send(&*launcher, &FromTemplate::Forked { pid }, &[pidfd.as_fd()])?;
            }
            Ok(Forked::Child(program)) => return become_node(runtime, &descriptors, described, &program),
            Err(error) => wire::send(&*launcher, &FromTemplate::NotForked { message: error.to_string() }, &[])?,
        }
    }
}

/// Waits until no thread but this one does anything.
fn when_quiet() -> io::Result<SingleThread> {
    let mut checked = SingleThread::check_others_sleep();
    for _ in 0..QUIET_ATTEMPTS {
        if checked.is_ok() {
            break;
        }
        std::thread::sleep(QUIET_PAUSE);
        checked = SingleThread::check_others_sleep();
    }
    checked
}

enum Forked {
    Parent { pid: i32, pidfd: OwnedFd },
    Child(NodeProgram),
}

/// Forks; the copy returns behind the sandbox's walls, when it has something to run.
fn fork(setup: &Setup, passed: Vec<OwnedFd>) -> io::Result<Forked> {
    let place = Place::new(passed)?;
    bear_children_beside(place.init.as_fd())?;
    match clone_sibling(setup.thread)? {
        Cloned::Parent { pid, pidfd } => Ok(Forked::Parent { pid: pid.as_raw_nonzero().get(), pidfd }),
        // Whatever happens, the copy does not go on as the template.
        Cloned::Child => match catch_unwind(AssertUnwindSafe(|| take_seat(setup, &place))) {
            Ok(Ok(program)) => Ok(Forked::Child(program)),
            Ok(Err(error)) => {
                // If the server is gone there is nobody to tell.
                let failed = FromCopy::Failed { message: error.to_string(), errno: number_of(&error) };
                let _ = wire::send(&place.channel, &failed, &[]);
                exit_now(127)
            }
            Err(_) => exit_now(101),
        },
    }
}

/// In a copy: joins the sandbox, and waits for a program and its outputs.
fn take_seat(setup: &Setup, place: &Place) -> io::Result<NodeProgram> {
    join(setup, place)?;
    wire::send(&place.channel, &FromCopy::Seated, &[])?;
    let Some(Received { message, descriptors }) = wire::receive(&place.channel)? else { exit_now(0) };
    let [stdout, stderr] =
        <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::Error::other("a program without its two outputs"))?;
    install_as(stdout.as_fd(), 1)?;
    install_as(stderr.as_fd(), 2)?;
    Ok(message)
}

/// What node has open, but for what is ours.
fn node_descriptors(ours: &[i32]) -> io::Result<Vec<NodeDescriptor>> {
    let mut open = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(target) = readlinkat(CWD, entry.path(), Vec::new()) else { continue };
        // The directory itself is open while it is read, and gone afterwards.
        let is_this_directory = target.as_bytes().starts_with(b"/proc/");
        if number > 2 && !ours.contains(&number) && !is_this_directory {
            open.push((number, target.into_bytes()));
        }
    }
    let describe = |(number, target): &(i32, Vec<u8>)| {
        let kind = match target.as_slice() {
            b"anon_inode:[eventfd]" => Kind::Event,
            b"anon_inode:[eventpoll]" => Kind::Poll,
            pipe if pipe.starts_with(b"pipe:") => pipe_between(*number, pipe, &open)?,
            _ => Kind::Other,
        };
        Ok(NodeDescriptor { number: *number, kind })
    };
    open.iter().map(describe).collect()
}

/// What a descriptor of a pipe is; the writing end is nothing by itself.
fn pipe_between(number: i32, target: &[u8], open: &[(i32, Vec<u8>)]) -> io::Result<Kind> {
    let other = open.iter().find(|(other, name)| *other != number && name == target).map(|(other, _)| *other);
    // Whoever makes a pipe gets the reading end first.
    let Some(writer) = other.filter(|other| *other > number) else { return Ok(Kind::Other) };
    let (waiting, is_blocking) = workers_engine_sys::pipe_state(number)?;
    let flags = if is_blocking { PipeFlags::CLOEXEC } else { PipeFlags::CLOEXEC | PipeFlags::NONBLOCK };
    Ok(Kind::Pipe { writer, is_filled: waiting > 0, flags })
}

/// Takes the numbers that node knows, so that nothing else gets them before they are node's again.
fn reserve(descriptors: &[NodeDescriptor]) -> io::Result<()> {
    let null = above(descriptors, null_device()?)?;
    descriptors.iter().try_for_each(|descriptor| replace(&null, descriptor.number))
}

/// The same under a number above all that node knows.
fn above(descriptors: &[NodeDescriptor], descriptor: OwnedFd) -> io::Result<OwnedFd> {
    let last = descriptors.iter().map(|descriptor| descriptor.number).max().unwrap_or_default();
    let moved = rustix::io::fcntl_dupfd_cloexec(&descriptor, last + 1)?;
    drop(descriptor);
    Ok(moved)
}

/// In a copy, behind the walls: lets go of the template.
fn become_node(
    runtime: Runtime,
    descriptors: &[NodeDescriptor],
    described: Described,
    program: &NodeProgram,
) -> io::Result<String> {
    let mended = || -> io::Result<String> {
        replace_descriptors(runtime, descriptors)?;
        if let Some(mib) = program.heap_mib {
            runtime.limit_heap(usize::try_from(mib << 20).map_err(io::Error::other)?)?;
        }
        let arguments: Vec<_> = [&["node".to_owned()], program.options.as_slice(), program.script.as_slice()].concat();
        let environment: Vec<_> = program.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        described.show(&arguments, &environment)?;
        // As after an exec; until here nothing in the sandbox could look into this process.
        rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        Ok(serde_json::to_string(program)?)
    };
    mended().inspect_err(|error| {
        let _ = rustix::io::write(io::stderr(), format!("node: {error}\n").as_bytes());
        exit_now(127)
    })
}

/// Closes everything but the outputs, and gives node descriptors of its own under the numbers that it knows.
fn replace_descriptors(runtime: Runtime, descriptors: &[NodeDescriptor]) -> io::Result<()> {
    keep_only(&[])?;
    reserve(descriptors)?;
    for descriptor in descriptors {
        match descriptor.kind {
            Kind::Event => {
                let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
                replace(&above(descriptors, event)?, descriptor.number)?;
            }
            Kind::Poll => {
                let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
                replace(&above(descriptors, poll)?, descriptor.number)?;
            }
            Kind::Pipe { writer, is_filled, flags } => {
                let (reads, writes) = rustix::pipe::pipe_with(flags)?;
                if is_filled {
                    rustix::io::write(&writes, b"*")?;
                }
                let (reads, writes) = (above(descriptors, reads)?, above(descriptors, writes)?);
                replace(&reads, descriptor.number)?;
                replace(&writes, writer)?;
            }
            Kind::Other => {}
        }
    }
    // It closes the numbers it knows, and opens as many.
    runtime.fork_event_loop()
}

/// Makes `descriptor` reachable under `number`, until a program is executed.
fn replace(descriptor: &OwnedFd, number: i32) -> io::Result<()> {
    install_as(descriptor.as_fd(), number)?;
    workers_engine_sys::close_at_exec(number)
}
