//! The descriptors that a booted node has open, and their replacement in a forked child.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fs::{CWD, readlinkat};
use rustix::pipe::PipeFlags;
use workers_engine_sys::template::NodeEnv;
use workers_engine_sys::{install_as, keep_only};

use super::steps::null_device;

/// A descriptor that node has open when it has booted. Besides the program's event loop there are others, for threads
/// that are not forked along; node still writes to them, and runs one of them when it exits.
#[derive(Debug)]
pub(super) struct NodeDescriptor {
    pub(super) number: i32,
    kind: DescriptorKind,
}

#[derive(Debug)]
pub(super) enum DescriptorKind {
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

/// Returns the descriptors that node has open, without `ours`.
pub(super) fn node_descriptors(ours: &[i32]) -> io::Result<Vec<NodeDescriptor>> {
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
pub(super) fn above(descriptors: &[NodeDescriptor], descriptor: OwnedFd) -> io::Result<OwnedFd> {
    let last = descriptors.iter().map(|descriptor| descriptor.number).max().unwrap_or_default();
    let moved = rustix::io::fcntl_dupfd_cloexec(&descriptor, last + 1)?;
    drop(descriptor);
    Ok(moved)
}

/// Closes everything but the outputs and `kept`, and opens new descriptors for node under the numbers that node uses.
/// The numbers of `kept` are above those.
pub(super) fn replace_descriptors(
    node_env: NodeEnv,
    descriptors: &[NodeDescriptor],
    kept: &[&OwnedFd],
) -> io::Result<()> {
    keep_only(&kept.iter().map(AsFd::as_fd).collect::<Vec<_>>())?;
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
