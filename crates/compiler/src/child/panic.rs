//! Keeps the message of a panic. The process has no log, so its response carries the message.

use std::sync::{Mutex, PoisonError};

/// The longest message, in characters.
const MESSAGE_CHARS: usize = 500;

static MESSAGE: Mutex<Option<String>> = Mutex::new(None);

/// Installs a panic hook that keeps the message.
pub(super) fn keep_messages() {
    // Replaces the hook that prints: standard error is only for the last words of the runtime (`exit_cause.rs`).
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.to_string().chars().take(MESSAGE_CHARS).collect();
        *MESSAGE.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }));
}

/// Takes the message of the last panic.
pub(super) fn take_message() -> Option<String> {
    MESSAGE.lock().unwrap_or_else(PoisonError::into_inner).take()
}
