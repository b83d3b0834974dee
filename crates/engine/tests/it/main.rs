//! Tests of the engine from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

/// Attacks by native code.
#[path = "../attack/mod.rs"]
mod attack;
mod conformance;
mod counted;
mod doctor;
mod elf;
mod machines;
/// What a worker must not do, tried by a node that was started.
#[path = "."]
mod spawned {
    use crate::support::spawned as support;

    #[path = "../escape/mod.rs"]
    mod escape;
}

/// The same, tried by a node that was forked.
#[expect(clippy::duplicate_mod, reason = "the same suite against another way of running a command")]
#[path = "."]
mod forked {
    use crate::support::forked as support;

    #[path = "../escape/mod.rs"]
    mod escape;
}

mod modes;
mod network;
mod outputs;
mod programs;
mod recovery;
mod shell;
mod support;
mod templates;
mod unprivileged;
mod walls;
