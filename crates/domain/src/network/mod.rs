//! Which destinations a sandbox may connect to: [`NetworkPolicy`] and its parts.
//!
//! A policy lists what a worker is meant to reach. Independently of the policy, some addresses are always closed unless
//! the operator opens them, whatever name resolves to them. [`is_public`] separates those addresses from public ones.
//!
//! Names, hosts, ports and origins are parsed once, into [`DomainName`], [`Authority`] and [`Origin`]. Comparisons use
//! these types, never text.

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
