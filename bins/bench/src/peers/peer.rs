//! The peers that can be named on the command line.

use clap::ValueEnum;

use super::spawned::Program;

/// A peer, under its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// The use cases of the platform in a program of its own, as a library
    Embedded,
    /// An HTTP server that spawns Node.js for every request
    Node,
    /// The same, in bubblewrap
    Bwrap,
    /// An HTTP server that spawns Deno
    Deno,
    /// An HTTP server that spawns Bun
    Bun,
    /// workerd, which reuses one instance
    Workerd,
    /// The functions framework for Node.js, which reuses one instance
    FunctionsFramework,
}

impl Peer {
    /// Returns the program that the peer starts for each request, if it does that.
    pub(crate) const fn program(self) -> Option<Program> {
        match self {
            Self::Node => Some(Program::Node),
            Self::Bwrap => Some(Program::Bwrap),
            Self::Deno => Some(Program::Deno),
            Self::Bun => Some(Program::Bun),
            Self::Embedded | Self::Workerd | Self::FunctionsFramework => None,
        }
    }

    /// Returns the peer's name in tables.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Embedded => "**embedded** in a bare HTTP server",
            Self::Node => "HTTP + spawn of Node 24",
            Self::Bwrap => "HTTP + `bwrap --unshare-all` + Node 24",
            Self::Deno => "HTTP + spawn of Deno",
            Self::Bun => "HTTP + spawn of Bun",
            Self::Workerd => "workerd (reuses one instance)",
            Self::FunctionsFramework => "functions-framework (reuses one instance)",
        }
    }

    /// Returns the advice for a peer that does not work.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::Embedded => "`workersd doctor` says what the host lacks",
            Self::Node => "install Node.js with `./just setup`",
            Self::Bwrap => "install bubblewrap with `./just setup-bench`",
            _ => "install it with `./just setup-bench`",
        }
    }
}
