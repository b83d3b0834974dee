//! The hook that turns a host program into a compiler process.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::child;

/// The first argument that turns a host program into a compiler process.
pub(crate) const HOOK_ARGUMENT: &str = "__workers-compiler";

static HOOK_CALLED: AtomicBool = AtomicBool::new(false);

/// Turns this process into a compiler process if it was started as one; then it does not return. A program that embeds
/// [`ProcessCompiler`](crate::ProcessCompiler) calls this first thing in `main`, before any thread exists.
pub fn run_compiler_if_asked() {
    HOOK_CALLED.store(true, Ordering::Release);
    if std::env::args_os().nth(1).is_some_and(|argument| argument == HOOK_ARGUMENT) {
        let code = i32::from(compiler_main() != ExitCode::SUCCESS);
        std::process::exit(code);
    }
}

/// Returns whether this program has called the hook. A program that has not would run as a second server when started
/// as a compiler, and would start itself over and over.
pub(crate) fn hook_was_called() -> bool {
    HOOK_CALLED.load(Ordering::Acquire)
}

/// The main function of a program that is only a compiler process. Expects the server's pipes as standard input and
/// output.
#[must_use]
pub fn compiler_main() -> ExitCode {
    // Errors were already sent on the pipe, if the server still reads it.
    if child::run().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
