//! Giving up what a compiler does not need, before the first source is read. The order of the steps is the design.

use std::fmt::Display;
use std::io;

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::memory::Memory;

/// The user and group of compilers where the server is root: nobody else's, just below those of sandboxes. Where a
/// container has no such user, the one called nobody.
const IDS: [u32; 2] = [0x6FFF_FFFF, 65534];

/// More than any process of the host has by default, so that the kernel turns to compilers first when the machine is
/// out of memory.
const OUT_OF_MEMORY_SCORE: &str = "900";

/// The largest stack that the transpiler asks for, and memory to fill. What is really used is watched, not only what is
/// mapped.
const ADDRESS_SPACE_BYTES: u64 = (8 << 30) + (4 << 30);

/// Threads of all compilers together, where they have a user of their own. Each process has three.
const THREADS: u64 = 4_096;

/// Walls the process in; what is left to open is opened on the way. What the server was never allowed to do is not
/// missed; anything else that fails is an error.
pub(super) fn confine(server: Pid) -> io::Result<Memory> {
    // Before anything else is opened: nothing that the server had open by accident stays open here.
    step("descriptors", workers_engine_sys::keep_only(&[]))?;
    step("counting threads", check_single_thread())?;
    // Ctrl-C in the server's terminal is for the server.
    step("session", rustix::process::setsid())?;
    // While our own files in /proc are ours, and can be opened.
    let memory = step("account of memory", Memory::open())?;
    // A container may have made them read-only, which costs us our preference only.
    let _ = std::fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
    // While we may: a directory without a file in it, and nothing above it.
    if allowed(rustix::process::chroot("/proc/self/fdinfo")).map_err(|error| named("root directory", error))? {
        step("working directory", rustix::process::chdir("/"))?;
    }
    // While we may give up: with the user the right to that goes too.
    step("bounding set", empty_bounding_set())?;
    let own_user = step("user", leave_root())?;
    step("capabilities", give_up_capabilities())?;
    step("new privileges", rustix::thread::set_no_new_privs(true))?;
    step("dumps", rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    // After the change of user, which clears it. The server starts us from a thread that lives as long as its pool.
    step("dying with the server", rustix::process::set_parent_process_death_signal(Some(Signal::KILL)))?;
    if rustix::process::getppid() != Some(server) {
        return Err(io::Error::other("the server is gone"));
    }
    let limits = [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::As, ADDRESS_SPACE_BYTES),
        // Counted by user: of use only when the user is ours alone.
        (Resource::Nproc, if own_user { THREADS } else { u64::MAX }),
        // Last. What is open stays open; no file, socket or pipe can be opened any more.
        (Resource::Nofile, 0),
    ];
    for (resource, limit) in limits {
        step("resource limits", lower(resource, limit))?;
    }
    Ok(memory)
}

/// Changes of user and the like are a thread's on Linux: there must be no other.
fn check_single_thread() -> io::Result<()> {
    match std::fs::read_dir("/proc/self/task")?.count() {
        1 => Ok(()),
        threads => Err(io::Error::other(format!("the process has {threads} threads"))),
    }
}

/// Becomes somebody who owns nothing, where that is possible. Says whether it was.
fn leave_root() -> rustix::io::Result<bool> {
    if !rustix::process::geteuid().is_root() || !allowed(rustix::thread::set_thread_groups(&[]))? {
        return Ok(false);
    }
    for id in IDS {
        let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
        if allowed(rustix::thread::set_thread_res_gid(group, group, group))?
            && allowed(rustix::thread::set_thread_res_uid(user, user, user))?
        {
            return Ok(id == IDS[0]);
        }
    }
    Ok(false)
}

/// No capability can be gained by running a program.
fn empty_bounding_set() -> rustix::io::Result<()> {
    for bit in 0..u64::BITS {
        // Ends where the kernel knows no more, or at the first one if we are nobody who could gain any.
        if !allowed(rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)))? {
            break;
        }
    }
    Ok(())
}

/// No capability is held.
fn give_up_capabilities() -> rustix::io::Result<()> {
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// Lowers a limit for good. One that is lower already stays.
fn lower(resource: Resource, limit: u64) -> rustix::io::Result<()> {
    let limit = rustix::process::getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
    let limit = (limit != u64::MAX).then_some(limit);
    rustix::process::setrlimit(resource, Rlimit { current: limit, maximum: limit })
}

/// Whether a step was taken; `false` when this process, or its container, may not or cannot.
fn allowed(result: rustix::io::Result<()>) -> rustix::io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::INVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

fn step<T, E: Display>(name: &str, result: Result<T, E>) -> io::Result<T> {
    result.map_err(|error| named(name, error))
}

fn named(name: &str, error: impl Display) -> io::Error {
    io::Error::other(format!("{name}: {error}"))
}
