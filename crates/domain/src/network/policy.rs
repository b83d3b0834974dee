//! Network policies of sandboxes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::{Destination, DomainName, InvalidRuleError, NetworkRule};

/// The destinations that a sandbox may connect to, besides itself. As text: `deny-all`, `allow-all`, or rules separated
/// by commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum NetworkPolicy {
    /// No destination.
    DenyAll,
    /// Every public address.
    #[default]
    AllowAll,
    /// Destinations that match a rule, if their addresses are public.
    AllowList(Vec<NetworkRule>),
}

impl NetworkPolicy {
    /// Returns whether a name may be looked up. A name that the sandbox may not connect to is not resolved either.
    /// `None` stands for a name that no host has; no list contains it.
    #[must_use]
    pub fn permits_name(&self, name: Option<&DomainName>) -> bool {
        let is_listed = |rule: &NetworkRule, name: &DomainName| matches!(&rule.destination, Destination::Name(pattern) if pattern.matches(name));
        match self {
            Self::DenyAll => false,
            Self::AllowAll => true,
            Self::AllowList(rules) => name.is_some_and(|name| rules.iter().any(|rule| is_listed(rule, name))),
        }
    }

    /// Returns whether the policy permits a connection to an address that was found under these names. Does not check
    /// whether the address itself is open (see [`is_public`](super::is_public)).
    #[must_use]
    pub fn permits(&self, address: IpAddr, port: u16, names: &[&DomainName]) -> bool {
        match self {
            Self::DenyAll => false,
            Self::AllowAll => true,
            Self::AllowList(rules) => rules.iter().any(|rule| rule.permits(address, port, names.iter().copied())),
        }
    }
}

impl FromStr for NetworkPolicy {
    type Err = InvalidPolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "deny-all" => Ok(Self::DenyAll),
            "allow-all" => Ok(Self::AllowAll),
            list => {
                let rules: Result<Vec<_>, _> = list.split(',').map(|rule| rule.trim().parse()).collect();
                Ok(Self::AllowList(rules?))
            }
        }
    }
}

impl fmt::Display for NetworkPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DenyAll => formatter.write_str("deny-all"),
            Self::AllowAll => formatter.write_str("allow-all"),
            Self::AllowList(rules) => {
                let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
                formatter.write_str(&rules.join(","))
            }
        }
    }
}

/// The error for text that is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a network policy is `deny-all`, `allow-all`, or a list of domains and ports: {0}")]
pub struct InvalidPolicyError(#[from] InvalidRuleError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_written_as_it_is_read_and_allows_public_addresses_by_default() {
        for text in ["deny-all", "allow-all", "example.com,*.example.com:5432,192.0.2.0/24:22"] {
            assert_eq!(text.parse::<NetworkPolicy>().unwrap().to_string(), text);
        }
        assert_eq!(NetworkPolicy::default(), NetworkPolicy::AllowAll);
        let error = "allow-none".parse::<NetworkPolicy>().unwrap_err().to_string();
        assert!(error.contains("deny-all") && error.contains("`allow-none`"), "{error}");
    }

    #[test]
    fn a_list_permits_what_it_names_and_nothing_else() {
        let policy: NetworkPolicy = "*.example.com, db.example.net:5432, 192.0.2.0/24:22".parse().unwrap();
        let address = "93.184.216.34".parse().unwrap();
        let [www, db, parent, evil] =
            ["www.example.com", "db.example.net", "example.com", "evil.net"].map(|name| name.parse().unwrap());
        assert!(policy.permits_name(Some(&www)) && policy.permits_name(Some(&db)));
        assert!(!policy.permits_name(Some(&parent)) && !policy.permits_name(Some(&evil)));
        assert!(policy.permits(address, 443, &[&www]));
        assert!(policy.permits(address, 5432, &[&www, &db]));
        assert!(!policy.permits(address, 5432, &[&www]));
        assert!(!policy.permits(address, 443, &[]));
        assert!(policy.permits("192.0.2.9".parse().unwrap(), 22, &[]));
        assert!(!NetworkPolicy::DenyAll.permits(address, 443, &[&www]));
        assert!(NetworkPolicy::AllowAll.permits(address, 1, &[]));
    }

    #[test]
    fn a_name_that_no_host_has_is_looked_up_only_where_all_are() {
        assert!(NetworkPolicy::AllowAll.permits_name(None));
        for policy in ["deny-all", "*.com", "*.example.com,0.0.0.0/0:*"] {
            assert!(!policy.parse::<NetworkPolicy>().unwrap().permits_name(None), "{policy}");
        }
    }
}
