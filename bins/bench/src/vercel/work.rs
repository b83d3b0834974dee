//! The work, the same for all clients.

use std::fmt::Write as _;
use std::time::Duration;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Create a sandbox from a snapshot, run a program in it that prints a line, and remove the sandbox.
    Invocation,
    /// Create an empty sandbox, write a file into it, make a snapshot, and remove the sandbox.
    Deploy,
}

impl Work {
    pub(super) const ALL: [Self; 2] = [Self::Invocation, Self::Deploy];

    /// Returns its name in tables.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Invocation => "run",
            Self::Deploy => "freeze",
        }
    }
}

/// The program that a sandbox runs.
pub(super) const PROGRAM: &str = "node";
pub(super) const ARGUMENTS: [&str; 2] = ["-e", "console.log('hello')"];

/// The runtime of empty sandboxes.
pub(super) const RUNTIME: &str = "node24";

/// The file that the snapshot contains.
pub(super) const FILE: &str = "worker.mjs";

/// Its size in bytes.
const FILE_SIZE: usize = 10_000;

/// The limits of a sandbox and of its command, as the port sets them with the platform's default limits.
pub(super) const SANDBOX_TIME: Duration = Duration::from_mins(2);
pub(super) const COMMAND_TIME: Duration = Duration::from_secs(30);

/// A tag of sandboxes: name and value.
pub(super) const TAG: (&str, &str) = ("workers-platform", "bench");

/// Returns the file's content: functions with a few numbers, which compress as well as real programs.
pub(super) fn file() -> String {
    let mut text = String::new();
    for number in 0_u32.. {
        let line =
            format!("export const f{number} = (x) => x * {} + {};\n", number * 7919 % 1013, number * 104_729 % 997);
        if text.len() + line.len() > FILE_SIZE {
            break;
        }
        text += &line;
    }
    // A comment fills it up to its size.
    let rest = FILE_SIZE - text.len();
    let _ = write!(text, "{:/<rest$}", "");
    text
}

#[cfg(test)]
mod tests {
    use super::{FILE_SIZE, file};

    #[test]
    fn the_file_has_its_size() {
        assert_eq!(file().len(), FILE_SIZE);
    }
}
