//! Tests of the crate from outside: how it compiles bundles, and how the scripts behave in Node.js.

mod budgets;
mod builtin_exports;
#[path = "../packages/bundle.rs"]
mod bundle;
mod children;
mod compare;
mod decorators;
mod depth;
mod examples;
mod fixtures;
mod frames;
mod itself;
mod modules;
mod mutations;
mod outcomes;
mod packages;
mod programs;
mod require;
mod streams;
mod support;
mod thrown;
mod values;
mod vandals;
