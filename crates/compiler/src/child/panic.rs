//! What a panic says: there is no log here, so it goes with the answer.

use std::sync::{Mutex, PoisonError};

/// The longest message, in characters.
const MESSAGE_CHARS: usize = 500;

static MESSAGE: Mutex<Option<String>> = Mutex::new(None);

/// From now on a panic's message is kept.
pub(super) fn keep_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.to_string().chars().take(MESSAGE_CHARS).collect();
        *MESSAGE.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }));
}

/// The message of the last panic, once.
pub(super) fn take_message() -> Option<String> {
    MESSAGE.lock().unwrap_or_else(PoisonError::into_inner).take()
}
