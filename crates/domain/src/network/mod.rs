//! Whom a sandbox may talk to: [`NetworkPolicy`] and what it is made of.
//!
//! A policy says what a worker is meant to reach. Beneath every policy lie the addresses that are never reached unless the operator opens
//! them, whatever a name resolves to: [`is_public`] tells them from the rest.

mod denial;
mod policy;
mod public;
mod range;
mod rule;

pub use denial::NetworkDenial;
pub use policy::{InvalidPolicyError, NetworkPolicy};
pub use public::{destination, is_public};
pub use range::{AddressRange, InvalidRangeError};
pub use rule::{Destination, InvalidRuleError, NamePattern, NetworkRule, Ports};
