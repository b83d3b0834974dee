//! The network of sandboxes, brokered by the server.
//!
//! A sandbox's own network namespace has a loopback interface and no route out, and its filter lets no `connect`
//! through to the kernel: every such call is forwarded as a question to the server, which receives all of them
//! ([`hearing`]). The [`Broker`] of a sandbox checks the address, and
//!
//! * connects the socket itself if the address is inside the sandbox ([`inside`]): it holds a duplicate of the
//!   descriptor, so the sandbox cannot swap the socket meanwhile;
//! * makes another socket, in the host's network, connects that and installs it in place of the first one, if the
//!   policy permits the address ([`judge`], [`outside`]);
//! * returns an error otherwise.
//!
//! No call is ever handed back to the kernel to "continue": by then another thread may have put another address into
//! the memory and another socket under the number. A socket of the host's network that a sandbox holds can only
//! communicate with its one peer; [`outside`] describes how that is enforced. The [`meter`] counts the bytes of these
//! sockets. Names are looked up through [`dns`], a name server in the sandbox's own network.

mod asked;
mod broker;
mod desk;
mod diag;
mod disguise;
mod dns;
mod hearing;
mod inside;
mod judge;
mod line;
mod linger;
mod meter;
mod names;
mod open;
mod outside;
mod pace;
mod question;
mod route;
mod shared;
mod uplink;

pub(crate) use broker::Broker;
pub(crate) use diag::Carried;
pub(crate) use dns::NameSockets;
#[cfg(feature = "fuzzing")]
pub(crate) use dns::fuzzing;
pub(crate) use hearing::Hearing;
pub(crate) use shared::Shared;
