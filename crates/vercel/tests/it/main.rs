//! Tests of the client and the provider against a scripted server, mainly of failures.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod examples;
mod faults;
mod logs;
mod provider;
mod provider_faults;
mod requests;
mod support;
mod tls;
