//! Finds out why a compiler process exited unexpectedly, as far as there is evidence.

use std::io::{self, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};

use rustix::process::Signal;

/// How much of an exited process's standard error is read, in bytes. Its runtime prints one or two sentences.
const STDERR_BYTES: usize = 4 << 10;
/// What the runtime of a Rust program prints before it aborts because of a stack overflow.
const STACK_OVERFLOW: &str = "overflowed its stack";
/// What it prints before it aborts because an allocation failed; the size in bytes follows.
const NO_MEMORY: &str = "memory allocation of ";
/// Signals for faults of the program itself: an invalid access, instruction or calculation, or a trap.
const FAULTS: [Signal; 4] = [Signal::SEGV, Signal::ILL, Signal::FPE, Signal::TRAP];

/// The cause of an unexpected exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExitCause {
    /// Possibly the source: the process made a fault while it compiled.
    Source,
    /// The source requested more memory at once than a compilation may use in total.
    Memory,
    /// There is no evidence against the source: the process was killed from outside, exited, or lacked a resource.
    Unknown,
}

/// Determines the cause from how a process ended and what it printed to its standard error.
pub(super) fn cause(status: ExitStatus, stderr: &str, memory_bytes: u64) -> ExitCause {
    let ended_by = |signal: Signal| status.signal() == Some(signal.as_raw());
    if FAULTS.into_iter().any(ended_by) || ended_by(Signal::ABORT) && stderr.contains(STACK_OVERFLOW) {
        return ExitCause::Source;
    }
    // An allocation below the limit fails if the host has no memory, which is not the fault of the source.
    if ended_by(Signal::ABORT) && failed_allocation(stderr).is_some_and(|bytes| bytes > memory_bytes) {
        return ExitCause::Memory;
    }
    ExitCause::Unknown
}

/// Returns the size of the allocation that failed, in bytes.
fn failed_allocation(stderr: &str) -> Option<u64> {
    let size = stderr.split_once(NO_MEMORY)?.1;
    size.split(' ').next()?.parse().ok()
}

/// Returns what an exited process has printed to its standard error.
pub(super) fn stderr_of(child: &mut Child) -> String {
    let read = |child: &mut Child| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Some(pipe) = child.stderr.take() {
            // Everything it printed is in the pipe already. Without blocking, another process that holds the other end
            // cannot make us wait.
            rustix::io::ioctl_fionbio(&pipe, true)?;
            // What was read before an error is kept.
            let _ = pipe.take(u64::try_from(STDERR_BYTES).unwrap_or(u64::MAX)).read_to_end(&mut bytes);
        }
        Ok(bytes)
    };
    read(child).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 2 << 30;

    fn ended_by(signal: Signal, stderr: &str) -> ExitCause {
        cause(ExitStatus::from_raw(signal.as_raw()), stderr, LIMIT)
    }

    #[test]
    fn only_what_a_source_can_do_is_blamed_on_it() {
        for signal in FAULTS {
            assert_eq!(ended_by(signal, ""), ExitCause::Source, "{signal:?}");
        }
        // These include an abort without a message. A bus error means that the file of a program was truncated.
        for signal in [Signal::HUP, Signal::INT, Signal::ABORT, Signal::BUS, Signal::KILL, Signal::TERM, Signal::XCPU] {
            assert_eq!(ended_by(signal, ""), ExitCause::Unknown, "{signal:?}");
        }
        // Exit code 1, and no signal: the text alone is no evidence.
        assert_eq!(cause(ExitStatus::from_raw(1 << 8), "overflowed its stack", LIMIT), ExitCause::Unknown);
    }

    #[test]
    fn a_stack_overflow_is_recognised_by_what_the_process_printed() {
        let bytes =
            "\nthread 'transpile' (12) has overflowed its stack\nfatal runtime error: stack overflow, aborting\n";
        assert_eq!(ended_by(Signal::ABORT, bytes), ExitCause::Source);
    }

    #[test]
    fn memory_that_the_host_lacks_is_not_the_sources_doing() {
        assert_eq!(ended_by(Signal::ABORT, "memory allocation of 4096 bytes failed\n"), ExitCause::Unknown);
        assert_eq!(ended_by(Signal::ABORT, "memory allocation of 9000000000 bytes failed\n"), ExitCause::Memory);
    }
}
