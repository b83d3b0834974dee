//! The work, the same for all.

use std::fmt::Write as _;
use std::time::Duration;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A sandbox is made from a snapshot, a program prints a line in it and ends, and the sandbox is removed.
    Invocation,
    /// An empty sandbox is made, takes a file, is frozen, and removed.
    Deploy,
}

impl Work {
    pub(super) const ALL: [Self; 2] = [Self::Invocation, Self::Deploy];

    /// Its name in tables.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Invocation => "run",
            Self::Deploy => "freeze",
        }
    }
}

/// What runs.
pub(super) const PROGRAM: &str = "node";
pub(super) const ARGUMENTS: [&str; 2] = ["-e", "console.log('hello')"];

/// What empty sandboxes come with.
pub(super) const RUNTIME: &str = "node24";

/// The file that is frozen.
pub(super) const FILE: &str = "worker.mjs";

/// Its size.
const FILE_SIZE: usize = 10_000;

/// How long a sandbox and its command may take: as the port says it with the platform's default limits.
pub(super) const SANDBOX_TIME: Duration = Duration::from_mins(2);
pub(super) const COMMAND_TIME: Duration = Duration::from_secs(30);

/// What sandboxes are tagged with: a name and a value.
pub(super) const TAG: (&str, &str) = ("workers-platform", "bench");

/// The file's content: functions of a few numbers, which pack as well as programs do.
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
    // A comment fills it up.
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
