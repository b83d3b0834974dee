//! The system calls that a sandbox may make, and with which arguments: `policy/seccomp.json`, compiled to a filter.
//!
//! The filter kills a process that makes a call for another architecture, and refuses the x32 variant of every call.
//! Then it looks the call up: it is allowed, reported to the server, refused with an error number, or its arguments
//! decide. A call that is not in the policy does not exist (`ENOSYS`). `clone3` is among these: its flags lie in
//! memory, where a filter cannot see them, and C libraries fall back to `clone`.
//!
//! The policy is installed in two parts. The launcher puts itself, and with it all that it makes, under [`outer`]: the
//! policy, plus the calls that setting up the isolation takes. A process that enters a sandbox adds [`inner`], which is
//! short and refuses those calls again. Of the answers of several filters the strictest counts.
//!
//! * [`text`]: the policy as it is written in the file;
//! * [`compile`]: the decision about one call;
//! * [`program`]: the decisions about all calls, looked up by number.

mod compile;
mod program;
#[cfg(test)]
mod tests;
mod text;

use std::io;

use workers_engine_sys::seccomp::Instruction;

use text::Policy;

/// The policy's text. Kept as data, so that it can be reviewed.
const TEXT: &str = include_str!("../../policy/seccomp.json");

/// Compiles the part of the policy for the launcher and all that it makes.
///
/// # Errors
///
/// When the policy's text is malformed.
pub(crate) fn outer() -> io::Result<Vec<Instruction>> {
    let policy: Policy = serde_json::from_str(TEXT)?;
    policy.outer()
}

/// Compiles the part that is added in a sandbox.
///
/// # Errors
///
/// When the policy's text is malformed.
pub(crate) fn inner() -> io::Result<Vec<Instruction>> {
    let policy: Policy = serde_json::from_str(TEXT)?;
    policy.inner()
}
