//! What the way over the cloud's API costs: the same work as bare requests, with our client, with our port, and with
//! the official SDK.
//!
//! The API is that of a server of ours on the same machine, so that what is compared is the way there and not the
//! cloud's hardware. [`mod@run`] goes through the parts.

mod api;
mod bare;
mod client;
mod counter;
mod platform;
mod port;
mod run;
mod sdk;
mod watch;
mod way;
mod work;

pub(crate) use self::run::run;
pub(crate) use self::watch::Count;
