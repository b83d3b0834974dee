//! The network policy of a sandbox, as its owner set it.

use serde::{Deserialize, Serialize};
use workers_domain::{AddressRange, Destination, NetworkPolicy, NetworkRule, Ports};

/// Ranges that no policy opens. A policy that denies only these is honoured without any rule.
const NEVER_REACHED: [&str; 13] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// A network policy in the form in which responses show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub(crate) enum NetworkSetting {
    /// Every public address is reachable.
    AllowAll,
    /// No address is reachable.
    DenyAll,
    /// The listed destinations are reachable. A list that was not given is not shown.
    Custom {
        /// Allowed domain names.
        #[serde(rename = "allowedDomains", default, skip_serializing_if = "Option::is_none")]
        allowed_domains: Option<Vec<String>>,
        /// Allowed address ranges.
        #[serde(rename = "allowedCIDRs", default, skip_serializing_if = "Option::is_none")]
        allowed_ranges: Option<Vec<String>>,
        /// Denied address ranges, which take precedence.
        #[serde(rename = "deniedCIDRs", default, skip_serializing_if = "Option::is_none")]
        denied_ranges: Option<Vec<String>>,
    },
}

impl NetworkSetting {
    /// Converts the setting to the policy that a container enforces.
    ///
    /// # Errors
    ///
    /// With a message for the client when the setting cannot be enforced, so that no user relies on it.
    pub(crate) fn to_policy(&self) -> Result<NetworkPolicy, String> {
        let (domains, allowed, denied) = match self {
            Self::AllowAll => return Ok(NetworkPolicy::AllowAll),
            Self::DenyAll => return Ok(NetworkPolicy::DenyAll),
            Self::Custom { allowed_domains, allowed_ranges, denied_ranges } => {
                (allowed_domains, allowed_ranges, denied_ranges)
            }
        };
        // Before the names, where `*` returns early: a denied range that cannot be enforced is refused then, too.
        for text in denied.iter().flatten() {
            check_denied(text)?;
        }
        let mut rules = Vec::new();
        for domain in domains.iter().flatten() {
            if domain == "*" {
                return Ok(NetworkPolicy::AllowAll);
            }
            rules.push(name_rule(domain)?);
        }
        for text in allowed.iter().flatten() {
            rules.push(NetworkRule {
                destination: Destination::Range(parse_range(text)?),
                // Ranges of this API have no ports, so all of them are meant.
                ports: Ports::Range(1, u16::MAX),
            });
        }
        Ok(NetworkPolicy::AllowList(rules))
    }
}

fn name_rule(domain: &str) -> Result<NetworkRule, String> {
    let rule: NetworkRule = domain.parse().map_err(|error| format!("The network policy is not valid: {error}."))?;
    match rule.destination {
        Destination::Name(_) => Ok(rule),
        Destination::Range(_) => {
            Err(format!("The network policy is not valid: `{domain}` is an address; list it under subnets.allow."))
        }
    }
}

fn parse_range(text: &str) -> Result<AddressRange, String> {
    text.parse().map_err(|error| format!("The network policy is not valid: {error}."))
}

fn check_denied(text: &str) -> Result<(), String> {
    let denied = parse_range(text)?;
    let is_in = |closed: &str| closed.parse::<AddressRange>().is_ok_and(|closed| closed.contains_range(&denied));
    let honoured = NEVER_REACHED.into_iter().any(is_in);
    if honoured {
        Ok(())
    } else {
        Err(format!(
            "Denying `{text}` is not offered by this server: beyond private addresses, which are never reachable, it can only allow."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(domains: &[&str], allowed: &[&str], denied: &[&str]) -> Result<NetworkPolicy, String> {
        let list = |list: &[&str]| Some(list.iter().map(ToString::to_string).collect());
        NetworkSetting::Custom {
            allowed_domains: list(domains),
            allowed_ranges: list(allowed),
            denied_ranges: list(denied),
        }
        .to_policy()
    }

    #[test]
    fn names_and_ranges_become_rules() {
        let policy = custom(&["example.com", "*.github.com"], &["93.184.216.0/24"], &["10.0.0.0/8"]).unwrap();
        assert_eq!(policy.to_string(), "example.com,*.github.com,93.184.216.0/24:*");
    }

    #[test]
    fn a_list_without_names_permits_no_host() {
        assert_eq!(custom(&[], &[], &["10.0.0.0/8"]), Ok(NetworkPolicy::AllowList(Vec::new())));
    }

    #[test]
    fn a_star_permits_everybody() {
        assert_eq!(custom(&["*"], &[], &[]), Ok(NetworkPolicy::AllowAll));
    }

    #[test]
    fn what_is_never_reachable_may_be_denied_and_nothing_else() {
        for text in ["10.0.0.0/8", "10.1.0.0/16", "169.254.169.254", "fd00::/8", "192.168.1.0/24"] {
            assert!(custom(&["example.com"], &[], &[text]).is_ok(), "{text}");
        }
        for text in [
            // Ranges that reach beyond a closed one, and notations that this server does not read.
            "0.0.0.0/0",
            "8.8.8.8",
            "8.0.0.0/5",
            "10.0.0.0/7",
            "::/0",
            "2000::/3",
            "nonsense",
            "10.0.0.0/08",
            "::ffff:10.0.0.0/104",
        ] {
            assert!(custom(&["example.com"], &[], &[text]).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_domain_is_refused_with_a_sentence() {
        for text in [
            // `127.1` and `0x7f.1` are addresses for `inet_aton`, and must not pass as names.
            "https://example.com",
            "10.0.0.1",
            "",
            "127.1",
            "0x7f.1",
            "a..example.com",
            "ex\\.ample.com",
            "example.com:080",
        ] {
            let error = custom(&[text], &[], &[]).unwrap_err();
            assert!(error.starts_with("The network policy is not valid"), "{error}");
        }
    }
}
