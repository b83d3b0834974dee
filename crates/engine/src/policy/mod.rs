//! The system calls a sandbox may make, and with which arguments: `policy/seccomp.json`, compiled to a filter.
//!
//! The filter kills a process that calls for another architecture and refuses the x32 variant of every call. Then it
//! looks the call up: it is allowed, the server is asked about it, it is refused with an error number, or its arguments
//! decide. A call that the policy does not name does not exist (`ENOSYS`). `clone3` is among these: its flags lie in
//! memory, where a filter cannot see them, and C libraries fall back to `clone`.
//!
//! The policy is installed in two parts. The launcher puts itself, and with it all that it makes, under [`outer`]: the
//! policy, but for what building the walls takes. A process that enters a sandbox adds [`inner`], which is short, and
//! gives up the rest. Of several filters' answers the strictest counts.
//!
//! * [`text`]: the policy as it is written down;
//! * [`compile`]: what decides about one call;
//! * [`program`]: the decision of all calls, looked up by number.

mod compile;
mod program;
#[cfg(test)]
mod tests;
mod text;

use std::io;

use workers_engine_sys::seccomp::Instruction;

use text::Policy;

/// The policy's text, reviewed as data.
const TEXT: &str = include_str!("../../policy/seccomp.json");

/// The part of the policy for all that the launcher does and makes.
///
/// # Errors
///
/// When the policy's text is malformed.
pub(crate) fn outer() -> io::Result<Vec<Instruction>> {
    let policy: Policy = serde_json::from_str(TEXT)?;
    policy.outer()
}

/// The part that is added in a sandbox.
///
/// # Errors
///
/// When the policy's text is malformed.
pub(crate) fn inner() -> io::Result<Vec<Instruction>> {
    let policy: Policy = serde_json::from_str(TEXT)?;
    policy.inner()
}
