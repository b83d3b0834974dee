//! Formatting of errors for the log.

use std::error::Error;

/// Joins an error and all its causes into one line, separated by `: `. The result may contain internals, so it belongs
/// in the log only.
#[must_use]
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
