//! Rules of an allow-list.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::number::port;
use super::{AddressRange, DomainName};

/// One rule of an allow-list: a destination and its ports. As text: `example.com`, `*.example.com:8443`,
/// `db.example.com:5432`, `example.com:8000-8100`, `example.com:*`, `192.0.2.0/24:22`, `[2001:db8::/32]:443`. A rule
/// without ports means the web ports, 80 and 443.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkRule {
    /// The hosts that the rule permits.
    pub destination: Destination,
    /// The ports that the rule permits on these hosts.
    pub ports: Ports,
}

/// The hosts that a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Hosts by name, whatever addresses the names resolve to.
    Name(NamePattern),
    /// Hosts by address, whatever their names are. Addresses that are closed for all sandboxes stay closed.
    Range(AddressRange),
}

/// A domain name, or with a leading `*.` all names below it at any depth, but not the name itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    name: DomainName,
    below: bool,
}

/// The ports of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// The web ports, 80 and 443.
    Web,
    /// All ports from the first to the last, both included.
    Range(u16, u16),
}

impl Ports {
    /// Returns whether the ports include `port`.
    #[must_use]
    pub fn contain(self, port: u16) -> bool {
        match self {
            Self::Web => port == 80 || port == 443,
            Self::Range(first, last) => (first..=last).contains(&port),
        }
    }
}

impl NamePattern {
    /// Returns whether the pattern matches a name.
    #[must_use]
    pub fn matches(&self, name: &DomainName) -> bool {
        if self.below { name.is_below(&self.name) } else { *name == self.name }
    }
}

impl NetworkRule {
    /// Returns whether the rule permits connections to this address and port. `names` are the names that the address
    /// was resolved from.
    pub fn permits<'a>(&self, address: IpAddr, port: u16, mut names: impl Iterator<Item = &'a DomainName>) -> bool {
        self.ports.contain(port)
            && match &self.destination {
                Destination::Range(range) => range.contains(address),
                Destination::Name(pattern) => names.any(|name| pattern.matches(name)),
            }
    }
}

impl FromStr for NetworkRule {
    type Err = InvalidRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (destination, ports) = match bracketed {
            Some((range, "")) => (range, None),
            Some((range, rest)) => {
                let ports = rest.strip_prefix(':').ok_or_else(|| InvalidRuleError::Destination(text.to_owned()))?;
                (range, Some(ports))
            }
            // An IPv6 address without brackets ends in text that looks like a port.
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(destination, ports)| (destination, Some(ports))),
        };
        let has_ports = ports.is_some();
        let ports = ports.map_or(Ok(Ports::Web), |ports| {
            parse_ports(ports).ok_or_else(|| InvalidRuleError::Ports { ports: ports.to_owned(), rule: text.to_owned() })
        })?;
        let looks_numeric = bracketed.is_some() || destination.contains('/') || destination.parse::<IpAddr>().is_ok();
        let destination = if looks_numeric {
            Destination::Range(destination.parse().map_err(|error| InvalidRuleError::Range(format!("{error}")))?)
        } else {
            let pattern =
                parse_name(destination).ok_or_else(|| InvalidRuleError::Destination(destination.to_owned()))?;
            // Most likely a mistyped keyword and not a domain.
            if !pattern.name.is_dotted() && !pattern.below && !has_ports {
                return Err(InvalidRuleError::SingleLabel(destination.to_owned()));
            }
            Destination::Name(pattern)
        };
        Ok(Self { destination, ports })
    }
}

fn parse_ports(text: &str) -> Option<Ports> {
    if text == "*" {
        return Some(Ports::Range(1, u16::MAX));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?.get(), port(last)?.get());
    (first <= last).then_some(Ports::Range(first, last))
}

fn parse_name(text: &str) -> Option<NamePattern> {
    let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
    Some(NamePattern { name: name.parse().ok()?, below })
}

impl fmt::Display for NetworkRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.destination, self.ports) {
            (Destination::Name(pattern), _) => write!(formatter, "{pattern}")?,
            (Destination::Range(range), Ports::Range(..)) if range.to_string().contains(':') => {
                write!(formatter, "[{range}]")?;
            }
            (Destination::Range(range), _) => write!(formatter, "{range}")?,
        }
        match self.ports {
            Ports::Web => Ok(()),
            Ports::Range(1, u16::MAX) => formatter.write_str(":*"),
            Ports::Range(first, last) if first == last => write!(formatter, ":{first}"),
            Ports::Range(first, last) => write!(formatter, ":{first}-{last}"),
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

/// The error for text that is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRuleError {
    /// The text before the ports is neither a name nor an address range.
    #[error(
        "`{0}` is neither a domain (`example.com`, `*.example.com`, in ASCII) nor a range of addresses (`192.0.2.0/24`)"
    )]
    Destination(String),
    /// The name has only one label and there are no ports.
    #[error("`{0}` is a name without a dot; if it is a domain, name its port too, as in `{0}:443`")]
    SingleLabel(String),
    /// The destination looks like an address range but is not valid.
    #[error("{0}")]
    Range(String),
    /// The ports are not valid.
    #[error("`{ports}` in `{rule}` is neither a port nor a range of ports such as 8000-8100, nor `*`")]
    Ports {
        /// The invalid text.
        ports: String,
        /// The rule that contains it.
        rule: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> NetworkRule {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_means_itself_and_a_wildcard_everything_below() {
        let matches = |pattern: &str, name: &str| match rule(pattern).destination {
            Destination::Name(pattern) => pattern.matches(&name.parse().unwrap()),
            Destination::Range(_) => panic!("{pattern} is a name"),
        };
        for (pattern, name) in [
            ("example.com", "example.com"),
            ("example.com", "EXAMPLE.com."),
            ("Example.COM.", "example.com"),
            ("*.example.com", "a.example.com"),
            ("*.example.com", "a.b.Example.com."),
            ("db:5432", "db"),
            ("*.internal", "db.internal"),
            ("_srv.example.com", "_srv.example.com"),
        ] {
            assert!(matches(pattern, name), "{pattern} means {name}");
        }
        for (pattern, name) in [
            ("example.com", "a.example.com"),
            ("example.com", "example.com.evil.net"),
            ("example.com", "notexample.com"),
            ("*.example.com", "example.com"),
            ("*.example.com", "notexample.com"),
            ("*.example.com", "example.com.evil.net"),
            ("*.example.com", "com"),
        ] {
            assert!(!matches(pattern, name), "{pattern} does not mean {name}");
        }
    }

    #[test]
    fn ports_are_those_of_the_web_unless_named() {
        let open = |text: &str, port| rule(text).ports.contain(port);
        assert!(open("example.com", 80) && open("example.com", 443) && !open("example.com", 8080));
        assert!(open("example.com:5432", 5432) && !open("example.com:5432", 443));
        assert!(
            open("example.com:8000-8100", 8000)
                && open("example.com:8000-8100", 8100)
                && !open("example.com:8000-8100", 8101)
        );
        assert!(open("example.com:*", 1) && open("example.com:*", 65535));
        assert!(open("[2600::/16]:22", 22) && open("2600::/16", 443) && open("8.8.8.8:53", 53));
    }

    #[test]
    fn addresses_are_permitted_by_range_or_by_the_name_they_were_found_under() {
        let address: IpAddr = "93.184.216.34".parse().unwrap();
        assert!(rule("93.184.216.0/24").permits(address, 443, std::iter::empty()));
        assert!(!rule("93.184.217.0/24").permits(address, 443, std::iter::empty()));
        let [other, listed] = ["other.net", "www.example.com"].map(|name| name.parse().unwrap());
        assert!(rule("*.example.com").permits(address, 443, [&other, &listed].into_iter()));
        assert!(!rule("*.example.com").permits(address, 443, [&other].into_iter()));
        assert!(!rule("*.example.com").permits(address, 22, [&listed].into_iter()));
        assert!(!rule("*.example.com").permits(address, 443, std::iter::empty()));
    }

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        for text in [
            "example.com",
            "*.example.com:8443",
            "example.com:8000-8100",
            "example.com:*",
            "192.0.2.0/24:22",
            "192.0.2.1",
            "[2001:db8::/32]:443",
            "2001:db8::/32",
        ] {
            assert_eq!(rule(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "neither a domain"),
            ("*", "neither a domain"),
            ("*.", "neither a domain"),
            ("a.*.com", "neither a domain"),
            ("*a.com", "neither a domain"),
            ("https://example.com", "`//example.com`"),
            ("exa mple.com", "neither a domain"),
            ("müller.de", "in ASCII"),
            ("-a.com", "neither a domain"),
            ("a..com", "neither a domain"),
            ("10.0.0", "neither a domain"),
            ("allow-none", "without a dot"),
            ("10.0.0.1/8", "inside the range"),
            ("[example.com]:80", "neither an address"),
            ("[2600::1]x", "neither a domain"),
            ("example.com:", "neither a port"),
            ("example.com:0", "`0`"),
            ("example.com:65536", "65536"),
            ("example.com:90-80", "90-80"),
            ("example.com:http", "http"),
            ("example.com:080", "`080`"),
            ("example.com:+80", "`+80`"),
            ("example.com: 80", "` 80`"),
            ("example.com:80-", "`80-`"),
            ("example.com:1-2-3", "`1-2-3`"),
            ("example.com:80:80", "neither a domain"),
            ("example.com..", "neither a domain"),
            ("evil\\.example.com", "neither a domain"),
            ("127.1:80", "neither a domain"),
            ("0x7f.1:80", "neither a domain"),
            ("0x7f000001:80", "neither a domain"),
            ("0177.0.0.1:80", "neither a domain"),
            ("2130706433:80", "neither a domain"),
            ("fe80::1%eth0", "neither a domain"),
            ("[fe80::1%eth0]:80", "neither an address"),
            ("[::ffff:10.0.0.0/104]:80", "IPv4 in the form of IPv6"),
            ("user@example.com", "neither a domain"),
        ] {
            let error = text.parse::<NetworkRule>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
