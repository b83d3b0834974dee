//! Confines the compiler process: gives up what it does not need before it reads the first source. The order of the
//! steps matters; the comments say why.

use std::fmt::Display;
use std::io;

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::memory::Memory;

/// The user and group of compilers where the server is root. No account uses the first one; it is just below those of
/// sandboxes. Where a container does not map it, the second one is used, which is `nobody`.
const IDS: [u32; 2] = [0x6FFF_FFFF, 65534];

/// Higher than the score of other processes on the host by default, so that the kernel kills compilers first when
/// memory runs out.
const OUT_OF_MEMORY_SCORE: &str = "900";

/// The largest stack that the transpiler requests, and memory for data. This limits what is mapped; the process also
/// watches how much it really uses.
const ADDRESS_SPACE_BYTES: u64 = (8 << 30) + (4 << 30);

/// Threads of all compilers together, where they have a user of their own. Each process has up to three.
const THREADS: u64 = 4_096;

/// Confines the process. Opens the file for its memory account on the way, because files cannot be opened afterwards. A
/// right that the server itself does not have is skipped; any other failure is an error.
pub(super) fn confine(server: Pid) -> io::Result<Memory> {
    // Before anything else is opened: closes whatever the server had open by accident.
    step("descriptors", workers_engine_sys::keep_only(&[]))?;
    step("counting threads", check_single_thread())?;
    // Ctrl-C in the server's terminal must stop only the server.
    step("session", rustix::process::setsid())?;
    // While our own files in /proc belong to us and can be opened.
    let memory = step("account of memory", Memory::open())?;
    // A container may have made the file read-only. That costs only the order in which processes are killed.
    let _ = std::fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
    // While we may still change the root: a directory that contains no files and has nothing above it.
    if allowed(rustix::process::chroot("/proc/self/fdinfo")).map_err(|error| named("root directory", error))? {
        step("working directory", rustix::process::chdir("/"))?;
    }
    // Before the change of user, which takes the right to drop capabilities from this set.
    step("bounding set", empty_bounding_set())?;
    let own_user = step("user", leave_root())?;
    step("capabilities", give_up_capabilities())?;
    step("new privileges", rustix::thread::set_no_new_privs(true))?;
    // Also, no other process of the same user can attach to this one as a debugger.
    step("dumps", rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    // After the change of user, which clears this setting. It refers to the thread of the server that started us, which
    // lives as long as its pool.
    step("dying with the server", rustix::process::set_parent_process_death_signal(Some(Signal::KILL)))?;
    if rustix::process::getppid() != Some(server) {
        return Err(io::Error::other("the server is gone"));
    }
    let limits = [
        (Resource::Core, 0),
        // Holds for files only: what the process writes to its pipe has no limit.
        (Resource::Fsize, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::As, ADDRESS_SPACE_BYTES),
        // The kernel counts this by user, so it only helps if the user is ours alone.
        (Resource::Nproc, if own_user { THREADS } else { u64::MAX }),
        // Last: files that are open stay open, but no file, socket or pipe can be opened any more.
        (Resource::Nofile, 0),
    ];
    for (resource, limit) in limits {
        step("resource limits", lower(resource, limit))?;
    }
    Ok(memory)
}

/// Fails if the process has several threads: on Linux, a change of user and similar changes apply to one thread only.
fn check_single_thread() -> io::Result<()> {
    match std::fs::read_dir("/proc/self/task")?.count() {
        1 => Ok(()),
        threads => Err(io::Error::other(format!("the process has {threads} threads"))),
    }
}

/// Changes to a user without any rights, where that is possible. Returns whether it was.
fn leave_root() -> rustix::io::Result<bool> {
    // The groups come first: after the change of user, this process may not change them any more.
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

/// Empties the bounding set, so that the process cannot gain capabilities by running a program.
fn empty_bounding_set() -> rustix::io::Result<()> {
    for bit in 0..u64::BITS {
        // Ends after the last capability of the kernel, or at the first one if the process lacks the right to do this.
        if !allowed(rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)))? {
            break;
        }
    }
    Ok(())
}

/// Gives up all capabilities.
fn give_up_capabilities() -> rustix::io::Result<()> {
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// Lowers a limit permanently. A limit that is already lower stays.
fn lower(resource: Resource, limit: u64) -> rustix::io::Result<()> {
    // The hard limit is lowered too, because without privileges a process cannot raise it again.
    let limit = rustix::process::getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
    let limit = (limit != u64::MAX).then_some(limit);
    rustix::process::setrlimit(resource, Rlimit { current: limit, maximum: limit })
}

/// Returns whether a step succeeded; `false` if this process or its container lacks the right or the means.
fn allowed(result: rustix::io::Result<()>) -> rustix::io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        // `EINVAL` stands for an id that the container does not map, and for a capability that the kernel does not
        // know.
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
