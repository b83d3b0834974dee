//! Converts the platform's network policies to those of the API.

use workers_domain::{Destination, NetworkPolicy, Ports};

use crate::api::{NetworkRules, SubnetRules};

/// A policy that the API cannot enforce as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the network rule `{rule}` cannot be enforced by Vercel, whose policies know no ports; {hint}")]
pub struct UnsupportedPolicyError {
    rule: String,
    hint: String,
}

/// Converts a policy to the API's form, which permits the same or less.
///
/// The API supports names and address ranges, but no ports. The API filters by name where a connection contains the
/// name, which is web traffic, so a rule with a name is accepted if it has the ports of the web or all ports. A rule
/// with an address range is accepted only with all ports; otherwise the API would permit more than the rule says. Any
/// other rule is an error. What [`AllowAll`](NetworkPolicy::AllowAll) permits beyond public addresses, and which
/// addresses a permitted name may lead to, is decided by the cloud's own filter.
impl TryFrom<&NetworkPolicy> for NetworkRules {
    type Error = UnsupportedPolicyError;

    fn try_from(policy: &NetworkPolicy) -> Result<Self, UnsupportedPolicyError> {
        let rules = match policy {
            NetworkPolicy::DenyAll => return Ok(Self::DenyAll),
            NetworkPolicy::AllowAll => return Ok(Self::AllowAll),
            NetworkPolicy::AllowList(rules) => rules,
        };
        let (mut domains, mut subnets) = (Vec::new(), SubnetRules::default());
        for rule in rules {
            match (&rule.destination, rule.ports) {
                (Destination::Name(pattern), Ports::Web | Ports::Range(1, u16::MAX)) => {
                    domains.push(pattern.to_string());
                }
                (Destination::Range(range), Ports::Range(1, u16::MAX)) => subnets.allow.push(range.to_string()),
                (Destination::Name(pattern), Ports::Range(..)) => {
                    return Err(UnsupportedPolicyError {
                        rule: rule.to_string(),
                        hint: format!("`{pattern}` could be"),
                    });
                }
                (Destination::Range(_), _) => {
                    return Err(UnsupportedPolicyError {
                        rule: rule.to_string(),
                        hint: "with all ports (`:*`) it could be".to_owned(),
                    });
                }
            }
        }
        Ok(Self::Custom { domains, subnets })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(policy: &str) -> Result<serde_json::Value, UnsupportedPolicyError> {
        let policy: NetworkPolicy = policy.parse().unwrap();
        NetworkRules::try_from(&policy).map(|rules| serde_json::to_value(rules).unwrap())
    }

    #[test]
    fn what_the_api_knows_is_taken_over() {
        assert_eq!(rules("allow-all"), Ok(json!({"mode": "allow-all"})));
        assert_eq!(rules("deny-all"), Ok(json!({"mode": "deny-all"})));
        assert_eq!(rules("example.com,*.example.com"), Ok(json!({"allow": ["example.com", "*.example.com"]})));
        assert_eq!(
            rules("db.example.com:*,198.51.100.0/24:*"),
            Ok(json!({"allow": ["db.example.com"], "subnets": {"allow": ["198.51.100.0/24"]}}))
        );
    }

    #[test]
    fn what_would_permit_more_than_it_says_is_refused() {
        // A range without ports means those of the web, so it needs ports too.
        for policy in ["db.example.com:5432", "198.51.100.0/24", "198.51.100.0/24:22", "example.com,[2600::/16]:443"] {
            let error = rules(policy).unwrap_err().to_string();
            assert!(error.contains("no ports"), "{policy}: {error}");
        }
    }

    #[test]
    fn an_empty_list_permits_no_host() {
        let rules = NetworkRules::try_from(&NetworkPolicy::AllowList(Vec::new())).unwrap();
        assert_eq!(serde_json::to_value(rules).unwrap(), json!({"mode": "deny-all"}));
    }
}
