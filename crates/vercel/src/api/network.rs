//! Network policies.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// The network policy of a sandbox, in the form of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkRules {
    /// Every address is reachable that the cloud permits.
    AllowAll,
    /// No address is reachable.
    DenyAll,
    /// Only some destinations are reachable.
    Custom {
        /// Domain names; `*.example.com` stands for all names below `example.com`. Connections go through the cloud's
        /// own filter, which checks the name that the connection is for.
        domains: Vec<String>,
        /// Address ranges.
        subnets: SubnetRules,
    },
}

/// Address ranges, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SubnetRules {
    /// Ranges that may be reached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Ranges that may not be reached. They take precedence over `allow`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

impl Serialize for NetworkRules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::AllowAll => map.serialize_entry("mode", "allow-all")?,
            Self::DenyAll => map.serialize_entry("mode", "deny-all")?,
            // An object without `allow` and `subnets` would not mean that nothing is allowed.
            Self::Custom { domains, subnets } if domains.is_empty() && *subnets == SubnetRules::default() => {
                map.serialize_entry("mode", "deny-all")?;
            }
            Self::Custom { domains, subnets } => {
                // Send the list even if it is empty: without a list the API might allow every domain.
                map.serialize_entry("allow", domains)?;
                if *subnets != SubnetRules::default() {
                    map.serialize_entry("subnets", subnets)?;
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_is_written_as_the_api_wants_it() {
        let custom = |domains: &[&str], allow: &[&str], deny: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
            let subnets = SubnetRules { allow: owned(allow), deny: owned(deny) };
            serde_json::to_value(NetworkRules::Custom { domains: owned(domains), subnets }).unwrap()
        };
        assert_eq!(serde_json::to_value(NetworkRules::AllowAll).unwrap(), json!({"mode": "allow-all"}));
        assert_eq!(serde_json::to_value(NetworkRules::DenyAll).unwrap(), json!({"mode": "deny-all"}));
        assert_eq!(custom(&["a.example.com"], &[], &[]), json!({"allow": ["a.example.com"]}));
        assert_eq!(
            custom(&["packages.example.com"], &[], &["10.0.0.0/8"]),
            json!({"allow": ["packages.example.com"], "subnets": {"deny": ["10.0.0.0/8"]}})
        );
        assert_eq!(custom(&[], &["192.0.2.0/24"], &[]), json!({"allow": [], "subnets": {"allow": ["192.0.2.0/24"]}}));
        assert_eq!(custom(&[], &[], &[]), json!({"mode": "deny-all"}), "an empty list permits no host");
    }
}
