//! Origins of web pages.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use super::{Authority, InvalidAuthorityError};

/// The origin of a web page, as browsers send it: `https://console.example.com`, `http://localhost:5173`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    /// The host and port. The port is `None` if it is the scheme's default.
    authority: Authority,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn without_own_port(self, mut authority: Authority) -> Authority {
        let own = match self {
            Self::Http => 80,
            Self::Https => 443,
        };
        // Browsers leave this port out of an origin, and a `Host` header may have it. Both must compare equal.
        authority.port = authority.port.filter(|port| *port != NonZeroU16::new(own).unwrap_or(*port));
        authority
    }
}

/// The error for text that is not the origin of a web page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no origin of web pages, such as `https://console.example.com` or `http://localhost:5173`")]
pub struct InvalidOriginError(String);

impl Origin {
    /// Returns whether pages of this origin come from the server that the request addressed as `server`.
    #[must_use]
    pub fn is_of(&self, server: &Authority) -> bool {
        self.authority == self.scheme.without_own_port(server.clone())
    }
}

impl FromStr for Origin {
    type Err = InvalidOriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let (scheme, authority) = text.split_once("://")?;
            // In lower case, as browsers send it.
            let scheme = [Scheme::Http, Scheme::Https].into_iter().find(|known| known.as_str() == scheme)?;
            let authority: Result<Authority, InvalidAuthorityError> = authority.parse();
            Some(Self { scheme, authority: scheme.without_own_port(authority.ok()?) })
        };
        parsed().ok_or_else(|| InvalidOriginError(text.to_owned()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme.as_str(), self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_of_the_web_and_an_authority_and_nothing_else() {
        for (text, normal) in [
            ("http://localhost:5173", "http://localhost:5173"),
            ("https://Console.Example.com", "https://console.example.com"),
            ("https://a.example:443", "https://a.example"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://a.example:443", "http://a.example:443"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), normal);
        }
        for text in [
            "",
            "null",
            "*",
            "localhost",
            "http://",
            "http:localhost",
            "http://localhost/",
            "http://localhost@evil/",
            "http://localhost@evil",
            "http://localhost:80:80",
            "ftp://localhost",
            "HTTP://localhost",
            "evil://http://localhost",
            "http://localhost?",
            "http://localhost,http://evil",
            "http://localhost http://evil",
            "http://*.example.com",
        ] {
            let error = text.parse::<Origin>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_page_is_of_the_server_with_its_host_and_port() {
        let is_of = |origin: &str, server: &str| origin.parse::<Origin>().unwrap().is_of(&server.parse().unwrap());
        assert!(is_of("http://localhost:3000", "LOCALHOST:3000"));
        assert!(is_of("http://localhost", "localhost:80") && is_of("http://localhost:80", "localhost"));
        for (origin, server) in [
            ("http://localhost:3000", "localhost"),
            ("http://localhost", "localhost:3000"),
            ("http://localhost:3000", "app.localhost:3000"),
            ("http://localhost:3000", "127.0.0.1:3000"),
            ("https://localhost", "localhost:80"),
        ] {
            assert!(!is_of(origin, server), "{origin} is not of {server}");
        }
    }
}
