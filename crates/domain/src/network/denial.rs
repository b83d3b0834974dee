//! Reasons for denied connections.

/// The reason why a connection was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkDenial {
    /// The sandbox's policy does not allow the destination.
    Policy,
    /// The address is not public or belongs to this host, and the operator has not opened it.
    ClosedAddress,
    /// The connection did not use TCP.
    Protocol,
    /// The sandbox has too many open connections.
    Limit,
}

impl NetworkDenial {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Policy, Self::ClosedAddress, Self::Protocol, Self::Limit];

    /// Returns the reason's label in metrics.
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
