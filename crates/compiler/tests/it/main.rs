//! Tests of the compiler's processes from outside.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod confinement;
mod conformance;
mod deadline;
mod faults;
mod processes;
mod support;
