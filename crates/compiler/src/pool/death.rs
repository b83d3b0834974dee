//! Finds out why a compiler process died, as far as there is evidence.

use std::io::{self, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};

use rustix::process::Signal;

/// How much of a dead process's standard error is read, in bytes. Its runtime prints one or two sentences.
const LAST_WORDS_BYTES: usize = 4 << 10;
/// What the runtime of a Rust program prints before it aborts because of a stack overflow.
const STACK_OVERFLOW: &str = "overflowed its stack";
/// What it prints before it aborts because an allocation failed; the size in bytes follows.
const NO_MEMORY: &str = "memory allocation of ";
/// Signals for faults of the program itself: an invalid access, instruction or calculation, or a trap.
const FAULTS: [Signal; 4] = [Signal::SEGV, Signal::ILL, Signal::FPE, Signal::TRAP];

/// The cause of a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Possibly the source: the process made a fault while it compiled.
    Source,
    /// The source requested more memory at once than a compilation may use in total.
    Memory,
    /// There is no evidence against the source: the process was killed from outside, exited, or lacked a resource.
    Unknown,
}

/// Determines the cause from how a process ended and what it printed last.
pub(super) fn cause(status: ExitStatus, last_words: &str, memory_bytes: u64) -> Cause {
    let ended_by = |signal: Signal| status.signal() == Some(signal.as_raw());
    if FAULTS.into_iter().any(ended_by) || ended_by(Signal::ABORT) && last_words.contains(STACK_OVERFLOW) {
        return Cause::Source;
    }
    if ended_by(Signal::ABORT) && failed_allocation(last_words).is_some_and(|bytes| bytes > memory_bytes) {
        return Cause::Memory;
    }
    Cause::Unknown
}

/// Returns the size of the allocation that failed, in bytes.
fn failed_allocation(last_words: &str) -> Option<u64> {
    let size = last_words.split_once(NO_MEMORY)?.1;
    size.split(' ').next()?.parse().ok()
}

/// Returns what a dead process has printed to its standard error.
pub(super) fn last_words(child: &mut Child) -> String {
    let read = |child: &mut Child| -> io::Result<Vec<u8>> {
        let mut words = Vec::new();
        if let Some(pipe) = child.stderr.take() {
            // Everything it printed is in the pipe already. Without blocking, another process that holds the other end
            // cannot make us wait.
            rustix::io::ioctl_fionbio(&pipe, true)?;
            // What was read before an error is kept.
            let _ = pipe.take(u64::try_from(LAST_WORDS_BYTES).unwrap_or(u64::MAX)).read_to_end(&mut words);
        }
        Ok(words)
    };
    read(child).map(|words| String::from_utf8_lossy(&words).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 2 << 30;

    fn ended_by(signal: Signal, last_words: &str) -> Cause {
        cause(ExitStatus::from_raw(signal.as_raw()), last_words, LIMIT)
    }

    #[test]
    fn only_what_a_source_can_do_is_blamed_on_it() {
        for signal in FAULTS {
            assert_eq!(ended_by(signal, ""), Cause::Source, "{signal:?}");
        }
        // These include an abort without a message. A bus error means that the file of a program was truncated.
        for signal in [Signal::HUP, Signal::INT, Signal::ABORT, Signal::BUS, Signal::KILL, Signal::TERM, Signal::XCPU] {
            assert_eq!(ended_by(signal, ""), Cause::Unknown, "{signal:?}");
        }
        assert_eq!(cause(ExitStatus::from_raw(1 << 8), "overflowed its stack", LIMIT), Cause::Unknown);
    }

    #[test]
    fn a_stack_that_overflows_is_told_by_the_process_itself() {
        let words =
            "\nthread 'transpile' (12) has overflowed its stack\nfatal runtime error: stack overflow, aborting\n";
        assert_eq!(ended_by(Signal::ABORT, words), Cause::Source);
    }

    #[test]
    fn memory_that_the_container_lacks_is_not_the_sources_doing() {
        assert_eq!(ended_by(Signal::ABORT, "memory allocation of 4096 bytes failed\n"), Cause::Unknown);
        assert_eq!(ended_by(Signal::ABORT, "memory allocation of 9000000000 bytes failed\n"), Cause::Memory);
    }
}
