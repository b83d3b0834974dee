//! The crate from outside: what it makes of bundles, and what Node.js makes of the scripts.

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
