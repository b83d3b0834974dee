//! The whole server: its own process, a real database, real sandboxes, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod attack;
mod bad_input;
/// The same bundles that the transpiler's tests run without a sandbox.
#[path = "../../../../crates/transpiler/tests/packages/bundle.rs"]
mod bundle;
mod conformance;
mod console;
mod examples;
mod faults;
/// The paths of a worker, over our own engine.
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
mod upgrade;
/// The same, over Vercel's API; a server of ours stands for the cloud.
#[expect(clippy::duplicate_mod, reason = "the same suite over another kind of sandbox")]
#[path = "."]
mod vercel {
    use crate::support::vercel as support;

    #[path = "paths/mod.rs"]
    mod paths;
}
mod vercel_api;
