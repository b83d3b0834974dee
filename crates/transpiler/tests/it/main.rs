//! The crate from outside: what it makes of bundles, and what Node.js makes of the scripts.

mod depth;
mod support;
