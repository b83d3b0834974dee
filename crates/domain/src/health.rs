//! The parts of a platform that health checks report on, and the faults found in them.

use std::fmt;

/// A part of the platform, under the name that probes and metrics use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The database that stores workers.
    Database,
    /// The file system of the data directory.
    Storage,
    /// The server's own files that sandboxes are built from.
    Files,
    /// The process that starts sandboxes.
    Launcher,
    /// Booted Node.js processes that invocations are forked from.
    Templates,
    /// Sandboxes in general: a fault that belongs to no more specific part.
    Sandboxes,
    /// The processes that compile deployed code.
    Compiler,
    /// File descriptors of the server process.
    Descriptors,
    /// The number of processes and threads.
    Processes,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 9] = [
        Self::Database,
        Self::Storage,
        Self::Files,
        Self::Launcher,
        Self::Templates,
        Self::Sandboxes,
        Self::Compiler,
        Self::Descriptors,
        Self::Processes,
    ];

    /// Returns the part's name as a single lower-case word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Storage => "storage",
            Self::Files => "files",
            Self::Launcher => "launcher",
            Self::Templates => "templates",
            Self::Sandboxes => "sandboxes",
            Self::Compiler => "compiler",
            Self::Descriptors => "descriptors",
            Self::Processes => "processes",
        }
    }

    /// Returns what an operator should do about a fault in this part. The advice never destroys data.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Database => {
                "see that the database is there, can be written and has room; the log and `workersd doctor` say more"
            }
            Self::Storage => "make room on the file system of the data directory, or make it writable again",
            Self::Files => "put the data directory back, or make room: the server makes its own files again",
            Self::Launcher => "wait some seconds: the server starts another one; if it does not, see the log",
            Self::Templates => "nothing has to be done: invocations take longer; the server tries again by itself",
            Self::Sandboxes => "see the log, and run `workersd doctor` beside the server",
            Self::Compiler => "wait some seconds: the server starts other ones; if it does not, see the log",
            Self::Descriptors => "raise the limit of open files (`LimitNOFILE`), or have fewer connections",
            Self::Processes => "raise the limit of processes (`TasksMax`, `pids.max`), or end others",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A fault in one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The part that has the fault.
    pub part: Part,
    /// Whether requests fail because of the fault. If false, requests only take longer.
    pub is_fatal: bool,
    /// A description of the fault for the log. May contain internals.
    pub message: String,
}

impl Fault {
    /// Creates a fault that makes requests fail.
    #[must_use]
    pub fn fatal(part: Part, message: impl Into<String>) -> Self {
        Self { part, is_fatal: true, message: message.into() }
    }

    /// Creates a fault that makes requests slower.
    #[must_use]
    pub fn slow(part: Part, message: impl Into<String>) -> Self {
        Self { part, is_fatal: false, message: message.into() }
    }
}
