//! Tests of the engine from outside.

mod conformance;
mod support;
