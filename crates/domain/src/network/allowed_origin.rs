//! Origins whose web pages may use a server, as an operator configures them.

use std::fmt;
use std::str::FromStr;

use super::Origin;

/// Schemes that cannot be allowed: pages of these schemes send a different origin than their address, or the scheme has
/// no pages.
const WITHOUT_ORIGIN: [&str; 8] = ["file", "data", "blob", "about", "javascript", "ftp", "ws", "wss"];

/// One entry in the list of origins whose web pages may use a server. Text that no browser sends as an origin is not a
/// valid entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Any origin: `*`.
    Any,
    /// The origin of one web site.
    Site(Origin),
    /// An origin that is compared as text: a browser extension or an application (`chrome-extension://abc`), or `null`.
    Other(String),
}

/// The error for an entry that could never match an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is the origin of no page: it must be `*`, or a scheme and a host and nothing else, as `https://console.example.com` or \
     `http://localhost:5173`, with the host in its ASCII form and without a wildcard"
)]
pub struct InvalidAllowedOriginError(String);

impl AllowedOrigin {
    /// Returns whether a page that sends this `Origin` header may use the server.
    #[must_use]
    pub fn permits(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Site(site) => origin.parse().as_ref() == Ok(site),
            Self::Other(other) => origin == other,
        }
    }
}

impl FromStr for AllowedOrigin {
    type Err = InvalidAllowedOriginError;

    /// Parses an entry. A trailing slash (as in an address bar), surrounding spaces and an upper-case scheme are
    /// accepted; a path is refused.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || InvalidAllowedOriginError(text.to_owned());
        let trimmed = text.trim();
        if trimmed == "*" {
            return Ok(Self::Any);
        }
        if trimmed == "null" {
            return Ok(Self::Other(trimmed.to_owned()));
        }
        let (scheme, host) = trimmed.split_once("://").ok_or_else(refused)?;
        let (scheme, host) = (scheme.to_ascii_lowercase(), host.strip_suffix('/').unwrap_or(host));
        let written = format!("{scheme}://{host}");
        if ["http", "https"].contains(&scheme.as_str()) {
            return written.parse().map(Self::Site).map_err(|_| refused());
        }
        let is_scheme = scheme.starts_with(|symbol: char| symbol.is_ascii_lowercase())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let is_host =
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\?#@*,".contains(&byte));
        let can_match = is_scheme && is_host && !WITHOUT_ORIGIN.contains(&scheme.as_str());
        can_match.then_some(Self::Other(written)).ok_or_else(refused)
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("*"),
            Self::Site(site) => write!(formatter, "{site}"),
            Self::Other(other) => formatter.write_str(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_is_meant() {
        for (text, normal) in [
            ("*", "*"),
            ("https://app.example", "https://app.example"),
            ("https://app.example/", "https://app.example"),
            (" https://app.example ", "https://app.example"),
            ("HTTPS://App.Example:443/", "https://app.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:5173/", "http://[::1]:5173"),
            ("chrome-extension://abc/", "chrome-extension://abc"),
            ("app://obsidian.md", "app://obsidian.md"),
            ("null", "null"),
        ] {
            assert_eq!(text.parse::<AllowedOrigin>().unwrap().to_string(), normal);
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_and_named() {
        for text in [
            "",
            "app.example",
            "localhost:5173",
            "//app.example",
            "https://",
            "https:app.example",
            "https://app.example/console",
            "https://app.example//",
            "https://app.example/?",
            "https://app.example?x",
            "https://app.example#",
            "https://*.example",
            "https://*",
            "https://user@app.example",
            "https://app.example:",
            "https://app.example:99999",
            "https://app.example, https://other.example",
            "https://app.example https://other.example",
            "https://bücher.example",
            "https://127.1",
            "file:///home/me/page.html",
            "file://",
            "wss://app.example",
            "ftp://app.example",
            "chrome-extension://*",
            "chrome-extension://abc/page.html",
        ] {
            let error = text.parse::<AllowedOrigin>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn an_entry_permits_the_pages_of_its_origin_only() {
        let permits = |entry: &str, origin| entry.parse::<AllowedOrigin>().unwrap().permits(origin);
        assert!(permits("https://app.example/", "https://app.example"));
        assert!(permits("http://LOCALHOST.:5173", "http://localhost:5173"));
        assert!(permits("*", "https://anything.example"));
        assert!(permits("chrome-extension://abc", "chrome-extension://abc"));
        for origin in ["https://app.example:8443", "http://app.example", "https://other.example", "null", ""] {
            assert!(!permits("https://app.example/", origin), "{origin}");
        }
        assert!(!permits("chrome-extension://abc", "chrome-extension://abcd"));
    }
}
