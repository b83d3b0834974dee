//! Lines on standard output, for scripts and people.
//!
//! The reader may exit early: `workersd doctor | head -1` reads one line. That is no failure, and the command goes on.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a line could not be written for a reason other than a closed pipe.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// Writes a line. Logs the first error, unless it is a closed pipe.
pub(crate) fn print(line: impl Display) {
    let written = writeln!(io::stdout().lock(), "{line}");
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
        && !HAS_FAILED.swap(true, Ordering::Relaxed)
    {
        tracing::error!(error = &error as &dyn std::error::Error, "failed to write to standard output");
    }
}

/// Returns the exit code of a command whose result is its lines: a failure if one of them could not be written.
pub(crate) fn checked(code: ExitCode) -> ExitCode {
    if HAS_FAILED.load(Ordering::Relaxed) { ExitCode::FAILURE } else { code }
}
