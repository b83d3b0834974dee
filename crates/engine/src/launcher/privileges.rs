//! Giving up the rights that a sandbox's processes must not have.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Gid, Uid};
use rustix::thread::{CapabilitiesSecureBits as Bits, CapabilitySet, CapabilitySets};
use workers_engine_sys::seccomp::{self, Instruction};

use super::ids::INNER_ID;

/// Becomes the one user that is mapped into the sandbox.
pub(super) fn take_inner_ids(may_change_groups: bool) -> io::Result<()> {
    take_ids(INNER_ID, may_change_groups)
}

/// Becomes the root of a container.
pub(super) fn take_container_root() -> io::Result<()> {
    take_ids(0, true)
}

fn take_ids(id: u32, may_change_groups: bool) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    // The server's other groups must not stay. Without root they do, because `setgroups` is denied in the namespace
    // (`map_ids`).
    if may_change_groups {
        rustix::thread::set_thread_groups(&[])?;
    }
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    // A change of ids already makes the process not dumpable. We set it again, so that it does not depend on the
    // launcher's own id. No other process of this user can inspect this one.
    Ok(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?)
}

/// The only capability of the first process of a sandbox that is kept, over the sandbox's own user namespace: with it
/// the process sets the id that the next run has. No program that it starts has it.
pub(super) const OF_KEEPER: CapabilitySet = CapabilitySet::CHECKPOINT_RESTORE;

/// Gives up all capabilities for good: the process holds none, and cannot gain any by running a program as any user.
pub(super) fn give_up_capabilities() -> io::Result<()> {
    give_up_capabilities_except(CapabilitySet::empty())
}

/// Gives up all other capabilities for good. A program that the process runs has none of `kept` either.
pub(super) fn give_up_capabilities_except(kept: CapabilitySet) -> io::Result<()> {
    // Before the capabilities themselves, because this step and the next one need `CAP_SETPCAP`.
    drop_from_bounding_set(CapabilitySet::empty())?;
    rustix::thread::set_capabilities_secure_bits(
        Bits::NO_ROOT
            | Bits::NO_ROOT_LOCKED
            | Bits::NO_SETUID_FIXUP
            | Bits::NO_SETUID_FIXUP_LOCKED
            | Bits::KEEP_CAPS_LOCKED
            | Bits::NO_CAP_AMBIENT_RAISE
            | Bits::NO_CAP_AMBIENT_RAISE_LOCKED,
    )?;
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: none })?;
    Ok(())
}

/// Puts the process under a seccomp filter.
pub(super) fn install_filter(filter: &[Instruction]) -> io::Result<()> {
    // Without capabilities, the kernel accepts a filter only from a process that can gain no rights.
    rustix::thread::set_no_new_privs(true)?;
    seccomp::install(filter)
}

/// Puts the process under a filter that reports some calls to a listener. Returns the listener, which receives the
/// calls of this process and of all its descendants. `no_new_privileges` is `false` for a launcher of containers,
/// because the users of a container may become other users; then the kernel accepts a filter only from a process that
/// is root on the host.
pub(super) fn install_filter_with_listener(filter: &[Instruction], no_new_privileges: bool) -> io::Result<OwnedFd> {
    if no_new_privileges {
        rustix::thread::set_no_new_privs(true)?;
    }
    seccomp::install_with_listener(filter)
}

/// The capabilities of a container's root within the container: it has full rights over the files and processes of all
/// its users. There is none that reaches the kernel's settings, devices, mounts or the network's configuration.
pub(super) const OF_CONTAINER: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::AUDIT_WRITE);

/// Puts the first process of a container under the filter and reduces its capabilities to those of the container's
/// root: no other capability can be gained by running a program as any user.
pub(super) fn limit_container_privileges(filter: &[Instruction]) -> io::Result<()> {
    // While the process still has the right to. Without `no_new_privs` (its users may become others) it could not do so
    // later.
    seccomp::install(filter)?;
    drop_from_bounding_set(OF_CONTAINER)?;
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: OF_CONTAINER, permitted: OF_CONTAINER, inheritable: none };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

fn drop_from_bounding_set(kept: CapabilitySet) -> io::Result<()> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if kept.contains(capability) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // The kernel has no further capabilities.
            Err(rustix::io::Errno::INVAL) => break,
            other => other?,
        }
    }
    Ok(())
}
