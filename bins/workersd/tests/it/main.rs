//! Tests the whole server over HTTP: a process of its own, a real database, real sandboxes.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod attack;
mod bad_input;
/// The bundles that the transpiler's tests run without a sandbox.
#[path = "../../../../crates/transpiler/tests/packages/bundle.rs"]
mod bundle;
mod conformance;
mod console;
mod examples;
mod faults;
/// The path tests with our own engine.
#[path = "."]
mod local {
    use crate::support::local as support;

    #[path = "paths/mod.rs"]
    mod paths;
}
mod memory;
mod network;
mod options;
mod output;
mod own_limits;
mod packages;
mod postgres;
mod proxies;
mod recovery;
mod reports;
mod several_servers;
mod signals;
mod support;
mod tenants;
mod top_level;
mod upgrade;
/// The same tests over Vercel's API; a server of ours stands in for the cloud.
#[expect(clippy::duplicate_mod, reason = "the same suite over another kind of sandbox")]
#[path = "."]
mod vercel {
    use crate::support::vercel as support;

    #[path = "paths/mod.rs"]
    mod paths;
}
mod vercel_api;
