//! The parts that a platform consists of, and what is wrong with them.

use std::fmt;

/// A part of a platform, as probes and metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Where workers are kept.
    Database,
    /// The file system of the data directory.
    Storage,
    /// The files that sandboxes are made of.
    Files,
    /// The process that makes sandboxes.
    Launcher,
    /// Booted nodes that invocations are forked from.
    Templates,
    /// Sandboxes, as a whole.
    Sandboxes,
    /// The processes that compile what is deployed.
    Compiler,
    /// Open files of the server.
    Descriptors,
    /// Processes and threads.
    Processes,
}

impl Part {
    /// Every part.
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

    /// The part in a word.
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

    /// What an operator does about it. It destroys nothing.
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

/// Something that is wrong with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Which part.
    pub part: Part,
    /// Whether requests fail because of it; otherwise they take longer.
    pub is_fatal: bool,
    /// What is wrong, for the log. May name internals.
    pub message: String,
}

impl Trouble {
    /// Because of which requests fail.
    #[must_use]
    pub fn fatal(part: Part, message: impl Into<String>) -> Self {
        Self { part, is_fatal: true, message: message.into() }
    }

    /// Because of which requests take longer.
    #[must_use]
    pub fn slow(part: Part, message: impl Into<String>) -> Self {
        Self { part, is_fatal: false, message: message.into() }
    }
}
