//! Whom a sandbox may talk to: [`NetworkPolicy`] and what it is made of.
//!
//! A policy says what a worker is meant to reach. Beneath every policy lie the addresses that are never reached unless
//! the operator opens them, whatever a name resolves to: [`is_public`] tells them from the rest.
//!
//! Names, hosts, ports and origins are parsed once, into [`DomainName`], [`Authority`] and [`Origin`], and compared by
//! these: never as text.

mod allowed_origin;
mod authority;
mod denial;
mod name;
mod number;
mod origin;
mod policy;
mod public;
mod range;
mod rule;

pub use allowed_origin::{AllowedOrigin, InvalidAllowedOriginError};
pub use authority::{Authority, Host, InvalidAuthorityError};
pub use denial::NetworkDenial;
pub use name::{DomainName, InvalidDomainNameError};
pub use origin::{InvalidOriginError, Origin};
pub use policy::{InvalidPolicyError, NetworkPolicy};
pub use public::{destination, is_public};
pub use range::{AddressRange, InvalidRangeError};
pub use rule::{Destination, InvalidRuleError, NamePattern, NetworkRule, Ports};
