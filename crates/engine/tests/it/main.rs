//! Tests of the engine from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod conformance;
mod doctor;
#[path = "../escape/mod.rs"]
mod escape;
mod recovery;
mod support;
mod unprivileged;
