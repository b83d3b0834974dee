//! Principals: on whose behalf a call is made.

use std::fmt;

/// The principal that a call acts for. More kinds will follow: keys and sessions of tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Principal {
    /// The platform itself: its background work, and an application that calls in the platform's own name.
    System,
    /// The operator, identified by the admin token.
    AdminToken,
    /// A local program or person, on a server that requires no token.
    Loopback,
    /// The application that embeds the platform, on behalf of users that it has authenticated itself.
    Embedder,
}

impl Principal {
    /// Returns the principal's name for logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::AdminToken => "admin_token",
            Self::Loopback => "loopback",
            Self::Embedder => "embedder",
        }
    }

    /// Returns whether the principal acts for the platform as a whole and not for one of its tenants.
    #[must_use]
    pub const fn is_of_platform(&self) -> bool {
        match self {
            // Without a wildcard, so that a new kind of principal does not compile before this is decided for it.
            Self::System | Self::AdminToken | Self::Loopback | Self::Embedder => true,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
