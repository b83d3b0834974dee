//! The network of sandboxes, brokered by the server.
//!
//! A sandbox's own network namespace has a loopback interface and no route out, and its seccomp filter lets no
//! `connect` through to the kernel: the kernel reports every such call to the server, and the calling thread waits. One
//! thread receives these calls ([`listener`]) and puts each into the queue of its sandbox ([`call_queue`]), whose
//! [`call_handler`] checks the address, and
//!
//! * connects the socket itself if the address is inside the sandbox ([`inside`]): it holds a duplicate of the
//!   descriptor, so the sandbox cannot swap the socket meanwhile;
//! * makes another socket, in the host's network, connects that and installs it in place of the first one, if the
//!   policy permits the address ([`egress_policy`], [`outside`]);
//! * returns an error otherwise.
//!
//! No call is ever handed back to the kernel to "continue": by then another thread may have put another address into
//! the memory and another socket under the number. A socket of the host's network that a sandbox holds can only
//! communicate with its one peer; [`outside`] describes how that is enforced. [`connections`] limits how many of them
//! are open, and [`traffic`] counts their bytes. Names are looked up through [`dns`], a name server in the sandbox's
//! own network.

mod broker;
mod call_handler;
mod call_queue;
mod connect_request;
mod connections;
mod credentials;
mod dns;
mod egress_policy;
mod engine_network;
mod host_network;
mod inside;
mod linger;
mod listener;
mod outside;
mod pending_call;
mod rate_limiter;
mod resolved_names;
mod route;
mod socket_diag;
mod traffic;

pub(crate) use broker::Broker;
pub(crate) use dns::NameSockets;
#[cfg(feature = "fuzzing")]
pub(crate) use dns::fuzzing;
pub(crate) use engine_network::EngineNetwork;
pub(crate) use listener::NotifyListener;
