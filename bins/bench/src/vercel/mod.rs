//! Measures access through the cloud's API: the same work as bare requests, with our client, with our port, and with
//! the official SDK.
//!
//! The API is offered by a server of ours on the same host, so that the figures compare the clients and not the cloud's
//! hardware. [`mod@run`] goes through the parts.

mod api;
mod api_client;
mod bare;
mod client;
mod count;
mod counter;
mod platform;
mod port;
mod run;
mod sdk;
mod stopwatch;
mod work;

pub(crate) use self::count::Count;
pub(crate) use self::run::run;
