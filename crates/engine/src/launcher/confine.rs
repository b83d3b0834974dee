//! Giving up what the sandbox's processes must not have.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Gid, Uid};
use rustix::thread::{CapabilitiesSecureBits as Bits, CapabilitySet, CapabilitySets};
use workers_engine_sys::seccomp::{self, Instruction};

use super::create::INNER_ID;

/// Becomes the one user that is mapped into the sandbox.
pub(super) fn take_inner_ids(may_change_groups: bool) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(INNER_ID), Gid::from_raw(INNER_ID));
    if may_change_groups {
        rustix::thread::set_thread_groups(&[])?;
    }
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    // With that the process is not dumpable any more; said again, so that it does not depend on the launcher's own id.
    Ok(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?)
}

/// Gives up all capabilities for good: none are held, none can be gained by running a program as any user.
pub(super) fn give_up_capabilities() -> io::Result<()> {
    for bit in 0..u64::BITS {
        match rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            // The kernel knows no more.
            Err(rustix::io::Errno::INVAL) => break,
            other => other?,
        }
    }
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

/// Puts the process under a filter that asks; answers with what hears its questions, and those of all that the process makes.
pub(super) fn obey_and_ask(filter: &[Instruction]) -> io::Result<OwnedFd> {
    rustix::thread::set_no_new_privs(true)?;
    seccomp::install_with_listener(filter)
}
