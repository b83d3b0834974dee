//! The crate from outside: what it makes of bundles, and what Node.js makes of the scripts.

mod builtin_exports;
mod budgets;
mod depth;
mod fixtures;
mod modules;
mod mutations;
mod outcomes;
mod programs;
mod streams;
mod support;
mod thrown;
mod values;
mod vandals;
