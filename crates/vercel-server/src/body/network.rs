//! Network policies in requests.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{ApiError, ErrorCode};
use crate::model::NetworkSetting;

/// A network policy in a request: a mode, or lists of what is allowed. The form in which responses show policies is
/// accepted too.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NetworkPolicyRequest {
    mode: Option<String>,
    allow: Option<Allow>,
    subnets: Option<Subnets>,
    allowed_domains: Option<Vec<String>>,
    #[serde(rename = "allowedCIDRs")]
    allowed_ranges: Option<Vec<String>>,
    #[serde(rename = "deniedCIDRs")]
    denied_ranges: Option<Vec<String>>,
    injection_rules: Option<Vec<Value>>,
    forward_rules: Option<Vec<Value>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Allow {
    Names(Vec<String>),
    Rules(BTreeMap<String, Vec<Value>>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Subnets {
    allow: Option<Vec<String>>,
    deny: Option<Vec<String>>,
}

impl NetworkPolicyRequest {
    /// Converts the request into a setting. Fails if the policy cannot be enforced.
    pub(crate) fn parse(self) -> Result<NetworkSetting, ApiError> {
        let has_rules = |rules: &Option<Vec<Value>>| rules.as_ref().is_some_and(|rules| !rules.is_empty());
        if has_rules(&self.injection_rules) || has_rules(&self.forward_rules) {
            return Err(rules_not_offered());
        }
        let setting = match self.mode.as_deref() {
            Some("allow-all") => NetworkSetting::AllowAll,
            Some("deny-all") => NetworkSetting::DenyAll,
            Some("custom") => NetworkSetting::Custom {
                allowed_domains: self.allowed_domains,
                allowed_ranges: self.allowed_ranges,
                denied_ranges: self.denied_ranges,
            },
            Some(other) => {
                let message =
                    format!("The network policy's mode must be `allow-all`, `deny-all` or `custom`, not `{other}`.");
                return Err(ApiError::bad_request(message));
            }
            None if self.allow.is_none() && self.subnets.is_none() => {
                return Err(ApiError::bad_request("The network policy must have `mode`, `allow` or `subnets`."));
            }
            None => {
                let subnets = self.subnets.unwrap_or_default();
                let allowed_domains = match self.allow {
                    None => None,
                    Some(Allow::Names(names)) => Some(names),
                    Some(Allow::Rules(rules)) if rules.values().all(Vec::is_empty) => Some(rules.into_keys().collect()),
                    Some(Allow::Rules(_)) => return Err(rules_not_offered()),
                };
                NetworkSetting::Custom { allowed_domains, allowed_ranges: subnets.allow, denied_ranges: subnets.deny }
            }
        };
        setting.to_policy().map_err(ApiError::bad_request)?;
        Ok(setting)
    }
}

fn rules_not_offered() -> ApiError {
    let message = "This server does not look into requests: rules with `match`, `transform`, `forwardURL` or `response` are not offered.";
    ApiError::new(ErrorCode::NotSupported, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: Value) -> Result<Value, String> {
        let request: NetworkPolicyRequest = serde_json::from_value(body).unwrap();
        request.parse().map(|setting| serde_json::to_value(setting).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_asked_for_is_read_back_in_the_other_form() {
        for (requested, returned) in [
            (json!({ "mode": "allow-all" }), json!({ "mode": "allow-all" })),
            (json!({ "mode": "deny-all" }), json!({ "mode": "deny-all" })),
            (
                json!({ "allow": ["packages.example.com"], "subnets": { "deny": ["10.0.0.0/8"] } }),
                json!({ "mode": "custom", "allowedDomains": ["packages.example.com"], "deniedCIDRs": ["10.0.0.0/8"] }),
            ),
            (
                json!({ "allow": { "example.com": [] }, "subnets": { "allow": ["93.184.216.0/24"] } }),
                json!({ "mode": "custom", "allowedDomains": ["example.com"], "allowedCIDRs": ["93.184.216.0/24"] }),
            ),
            (
                json!({ "mode": "custom", "allowedDomains": ["example.com"] }),
                json!({ "mode": "custom", "allowedDomains": ["example.com"] }),
            ),
        ] {
            assert_eq!(parse(requested.clone()), Ok(returned), "{requested}");
        }
    }

    #[test]
    fn what_cannot_be_enforced_is_refused() {
        for body in [
            json!({}),
            json!({ "mode": "some" }),
            json!({ "allow": { "example.com": [{ "transform": [{ "headers": { "a": "b" } }] }] } }),
            json!({ "mode": "custom", "forwardRules": [{ "domain": "a.com", "forwardURL": "https://b.com" }] }),
            json!({ "allow": ["example.com"], "subnets": { "deny": ["8.8.8.8"] } }),
        ] {
            assert!(parse(body.clone()).is_err(), "{body}");
        }
    }
}
