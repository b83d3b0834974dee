//! Tests the engine from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

/// Attacks by native code.
#[path = "../attack/mod.rs"]
mod attack;
mod conformance;
mod containers;
mod counted;
mod doctor;
mod elf;
/// What a worker must not do, tried in a node that the engine starts.
#[path = "."]
mod spawned {
    use crate::support::spawned as support;

    #[path = "../escape/mod.rs"]
    mod escape;
}

/// The same suite in a node that the engine forks.
#[expect(clippy::duplicate_mod, reason = "the same suite against another way of running a command")]
#[path = "."]
mod forked {
    use crate::support::forked as support;

    #[path = "../escape/mod.rs"]
    mod escape;
}

mod isolation;
mod kept;
mod modes;
mod network;
mod outputs;
mod programs;
mod recovery;
mod shell;
mod support;
mod templates;
mod unprivileged;
