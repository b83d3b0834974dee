//! Whom a call acts for.

use std::fmt;

/// Whom a call acts for. There will be more kinds: keys and sessions of tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Principal {
    /// The platform itself: its background work, and an application that calls in the platform's own name.
    System,
    /// The operator, who has the admin token.
    AdminToken,
    /// A program or a person on this machine, where the server asks for no token.
    Loopback,
    /// The application that embeds the platform, for users that it has authenticated itself.
    Embedder,
}

impl Principal {
    /// Its name, for logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::AdminToken => "admin_token",
            Self::Loopback => "loopback",
            Self::Embedder => "embedder",
        }
    }

    /// Whether it stands for the platform as a whole, and not for one of its tenants.
    #[must_use]
    pub const fn is_of_platform(&self) -> bool {
        match self {
            Self::System | Self::AdminToken | Self::Loopback | Self::Embedder => true,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
