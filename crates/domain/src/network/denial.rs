//! Why a connection was denied.

/// Why a connection was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkDenial {
    /// The policy does not name it.
    Policy,
    /// The address is not one of the public internet's, or it is the host's own, and the operator has not opened it.
    ClosedAddress,
    /// It was not TCP.
    Protocol,
    /// The sandbox has too many connections.
    Limit,
}

impl NetworkDenial {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Policy, Self::ClosedAddress, Self::Protocol, Self::Limit];

    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::ClosedAddress => "closed_address",
            Self::Protocol => "protocol",
            Self::Limit => "limit",
        }
    }
}
