//! The network of sandboxes, brokered by the server.
//!
//! A sandbox's own network namespace has a loopback and no way out, and its filter passes no `connect` on to the
//! kernel: every one of them is a question to the server, which hears all of them ([`hearing`]). The [`Broker`] of a
//! sandbox looks at whom the socket is to be connected to, and
//!
//! * connects it itself if that is the sandbox ([`inside`]): it holds a copy of the descriptor, so nothing can be
//!   exchanged behind its back;
//! * makes another socket, in the host's network, connects that and puts it in the first one's place, if the policy
//!   permits it ([`judge`], [`outside`]);
//! * answers with an error otherwise.
//!
//! No call is ever handed back to the kernel to "continue": by then another thread may have put another address into
//! the memory and another socket under the number. A socket of the host's network that a sandbox holds can do nothing
//! but speak with its one peer; how that is made sure is told in [`outside`]. What these carry is counted by the
//! [`meter`]. Names are looked up through [`dns`], which answers in the sandbox's own network.

mod asked;
mod broker;
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
mod route;
mod shared;

pub(crate) use broker::Broker;
pub(crate) use diag::Carried;
pub(crate) use dns::NameSockets;
pub(crate) use hearing::Hearing;
pub(crate) use shared::Shared;
