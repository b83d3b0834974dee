//! Giving up what the sandbox's processes must not have.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Gid, Uid};
use rustix::thread::{CapabilitiesSecureBits as Bits, CapabilitySet, CapabilitySets};
use workers_engine_sys::seccomp::{self, Instruction};

use super::create::INNER_ID;

/// Becomes the one user that is mapped into the sandbox.
pub(super) fn take_inner_ids(may_change_groups: bool) -> io::Result<()> {
    take_ids(INNER_ID, may_change_groups)
}

/// Becomes the root of a machine.
pub(super) fn take_machine_root() -> io::Result<()> {
    take_ids(0, true)
}

fn take_ids(id: u32, may_change_groups: bool) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    if may_change_groups {
        rustix::thread::set_thread_groups(&[])?;
    }
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    // With that the process is not dumpable any more; said again, so that it does not depend on the launcher's own id.
    // No other process of this user can look into this one.
    Ok(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?)
}

/// Gives up all capabilities for good: none are held, none can be gained by running a program as any user.
pub(super) fn give_up_capabilities() -> io::Result<()> {
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
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// Puts the process under a filter.
pub(super) fn obey_filter(filter: &[Instruction]) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    seccomp::install(filter)
}

/// Puts the process under a filter that asks; answers with what hears its questions, and those of all that the process
/// makes. If it is to make machines, their users may become others: only who is root on the host may put a process
/// under a filter then.
pub(super) fn obey_and_ask(filter: &[Instruction], no_new_privileges: bool) -> io::Result<OwnedFd> {
    if no_new_privileges {
        rustix::thread::set_no_new_privs(true)?;
    }
    seccomp::install_with_listener(filter)
}

/// What the root of a machine may do, within the machine: the files and processes of all of its users are its own.
/// Nothing that reaches the kernel's settings, devices, mounts or the network's.
pub(super) const OF_MACHINE: CapabilitySet = CapabilitySet::CHOWN
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

/// Puts the first process of a machine under the filter and keeps the capabilities that its root has: none that are not
/// kept can be gained by running a program as any user.
pub(super) fn obey_as_machine(filter: &[Instruction]) -> io::Result<()> {
    // While it has the right to: its users may become others, so nobody could do so later.
    seccomp::install(filter)?;
    drop_from_bounding_set(OF_MACHINE)?;
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: OF_MACHINE, permitted: OF_MACHINE, inheritable: none };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

fn drop_from_bounding_set(kept: CapabilitySet) -> io::Result<()> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if kept.contains(capability) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // The kernel knows no more.
            Err(rustix::io::Errno::INVAL) => break,
            other => other?,
        }
    }
    Ok(())
}
