//! The crate from outside: what it makes of bundles, and what Node.js makes of the scripts.

mod compare;
mod depth;
mod fixtures;
mod modules;
mod mutations;
mod outcomes;
mod streams;
mod support;
mod values;
mod vandals;
