//! Hosts and ports, as named in requests and web page origins.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use super::DomainName;
use super::number::port;

/// A host: a domain name or an IP address. Each address has exactly one accepted form: IPv4 as four numbers, IPv6 in
/// brackets. IPv4-mapped IPv6 addresses are refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name.
    Name(DomainName),
    /// An IP address.
    Address(IpAddr),
}

/// A host with an optional port, as in a `Host` header: `example.com`, `localhost:3000`, `[::1]:3000`. Text with a
/// user, an empty port, a zone or anything else is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port, or `None` for the default port of the scheme.
    pub port: Option<NonZeroU16>,
}

/// The error for text that is not a host with an optional port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a host nor a host and a port")]
pub struct InvalidAuthorityError;

impl Host {
    /// Returns whether the host always refers to the local host: `localhost`, a name below it, or a loopback address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            // RFC 6761 reserves `localhost` and all names below it for loopback.
            Self::Name(name) => name.labels_from_the_end().next() == Some("localhost"),
        }
    }
}

impl Authority {
    /// Returns the authority that all given places of a request agree on. Returns `None` if there are no places, one of
    /// them is not a valid authority, or two differ.
    #[must_use]
    pub fn agreed<'a>(places: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut places = places.into_iter().map(|text| std::str::from_utf8(text).ok()?.parse::<Self>().ok());
        let first = places.next()??;
        // A request with two hosts could pass a check with the one and be meant for the other.
        places.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }
}

impl FromStr for Host {
    type Err = InvalidAuthorityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host = match text.strip_prefix('[') {
            Some(rest) => {
                let address: IpAddr =
                    rest.strip_suffix(']').and_then(|text| text.parse().ok()).ok_or(InvalidAuthorityError)?;
                // An IPv4-mapped address is refused: it has another form, as IPv4.
                let has_one_form = address.is_ipv6() && address.to_canonical() == address;
                has_one_form.then_some(Self::Address(address))
            }
            None => match text.parse::<IpAddr>() {
                // An IPv6 address needs brackets, because its last group could be a port.
                Ok(address) => address.is_ipv4().then_some(Self::Address(address)),
                Err(_) => text.parse().ok().map(Self::Name),
            },
        };
        host.ok_or(InvalidAuthorityError)
    }
}

impl FromStr for Authority {
    type Err = InvalidAuthorityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The port follows the last colon, unless that colon is part of an address in brackets.
        let (host, digits) = match text.rsplit_once(':') {
            Some((host, digits)) if !digits.ends_with(']') => (host, Some(digits)),
            _ => (text, None),
        };
        let port = digits.map(|digits| port(digits).ok_or(InvalidAuthorityError)).transpose()?;
        Ok(Self { host: host.parse()?, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(formatter, "{name}"),
            Self::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
            Self::Address(address) => write!(formatter, "{address}"),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(formatter, "{}:{port}", self.host),
            None => write!(formatter, "{}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_loopback(text: &str) -> bool {
        text.parse::<Authority>().is_ok_and(|authority| authority.host.is_loopback())
    }

    #[test]
    fn an_authority_is_written_as_it_is_read() {
        for text in ["example.com", "localhost:3000", "127.0.0.1:80", "[::1]", "[2001:db8::1]:65535"] {
            assert_eq!(text.parse::<Authority>().unwrap().to_string(), text);
        }
        assert_eq!("LOCALHOST.:1".parse::<Authority>().unwrap().to_string(), "localhost:1");
        assert_eq!("[0:0::1]".parse::<Authority>(), "[::1]".parse());
    }

    #[test]
    fn what_is_more_or_less_than_a_host_and_a_port_is_no_authority() {
        for text in [
            "",
            ":",
            ":80",
            "localhost:",
            "localhost:80:80",
            "localhost:x",
            "localhost:x@evil",
            "localhost:+80",
            "localhost:080",
            "localhost:0",
            "localhost:65536",
            "localhost: 80",
            "localhost:80 ",
            " localhost",
            "localhost@evil",
            "user@localhost",
            "user:word@localhost:80",
            "localhost%00",
            "localhost\0",
            "localhost/",
            "localhost/@evil",
            "localhost?",
            "localhost#",
            "localhost\\evil",
            "localhost,evil",
            "localhost..",
            ".localhost",
            "[::1]evil",
            "[::1]evil:80",
            "[::1]:",
            "[::1]:80:80",
            "[::1]]",
            "[[::1]]",
            "[::1",
            "::1]",
            "::1",
            "::1:80",
            "[::1%lo]",
            "[::1%25lo]:80",
            "[127.0.0.1]",
            "[localhost]",
            "[]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]:80",
            "127.1",
            "127.0.0.1.",
            "127.0.0.01",
            "0x7f.1",
            "0177.0.0.1",
            "2130706433",
            "0x7f000001",
            "http://localhost",
            // The `а` is Cyrillic; U+3002 is a full stop, which some programs turn into a dot.
            "locаlhost",
            "localhost\u{3002}",
        ] {
            assert_eq!(text.parse::<Authority>(), Err(InvalidAuthorityError), "{text:?}");
        }
    }

    #[test]
    fn this_machines_own_names_are_loopback() {
        for text in [
            "localhost",
            "LOCALHOST:3000",
            "app.localhost:1",
            "127.0.0.1:3000",
            "127.9.9.9",
            "[::1]:3000",
            "localhost.",
        ] {
            assert!(is_loopback(text), "{text}");
        }
    }

    #[test]
    fn other_names_are_not_loopback() {
        for text in [
            "example.com",
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "127.0.0.1.evil.com",
            "192.168.1.2:3000",
            "[::2]",
            "notlocalhost",
            "evil-localhost",
            "0.0.0.0",
            "[::]",
            "localhost.evil:3000",
        ] {
            assert!(!is_loopback(text), "{text}");
            assert!(text.parse::<Authority>().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_request_names_one_host_wherever_it_names_one() {
        let agreed = |places: &[&str]| Authority::agreed(places.iter().map(|text| text.as_bytes()));
        assert_eq!(agreed(&["localhost:1"]), "localhost:1".parse().ok());
        assert_eq!(agreed(&["localhost:1", "LocalHost:1"]), "localhost:1".parse().ok());
        for places in [
            &[][..],
            &[""],
            &["localhost", "evil"],
            &["localhost", "localhost:80"],
            &["localhost", ""],
            &["a b", "a b"],
        ] {
            assert_eq!(agreed(places), None, "{places:?}");
        }
        assert_eq!(Authority::agreed([&b"localhost\xff"[..]]), None);
    }
}
