//! The crate from outside: what it makes of bundles, and what Node.js makes of the scripts.

#[path = "../packages/bundle.rs"]
mod bundle;
mod depth;
mod fixtures;
mod frames;
mod itself;
mod modules;
mod mutations;
mod outcomes;
mod packages;
mod require;
mod streams;
mod support;
mod values;
mod vandals;
