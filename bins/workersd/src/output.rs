//! Lines on standard output, for scripts and people.
//!
//! Who reads them may have gone: `workersd doctor | head -1` has what it wanted after a line. That is no failure, and
//! no reason to end what goes on.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a line could not be written, for another reason than that its reader has gone.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// Writes a line. The log tells once why it cannot be written, unless it is that its reader has gone.
pub(crate) fn print(line: impl Display) {
    let written = writeln!(io::stdout().lock(), "{line}");
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
        && !HAS_FAILED.swap(true, Ordering::Relaxed)
    {
        tracing::error!(error = &error as &dyn std::error::Error, "failed to write to standard output");
    }
}

/// The end of a command whose lines are what it is for: without them it has failed.
pub(crate) fn checked(code: ExitCode) -> ExitCode {
    if HAS_FAILED.load(Ordering::Relaxed) { ExitCode::FAILURE } else { code }
}
