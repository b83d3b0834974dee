//! Authentication for a server without a token: it accepts local callers.

use async_trait::async_trait;
use workers_domain::access::{AuthenticationError, Authenticator, Identity, Principal, RequestHead};
use workers_domain::{AllowedOrigin, Authority, Origin, TenantId};
use workers_web::{is_own_site, own_name};

/// Accepts requests from this host, but not from web pages of other sites that are open in a browser on this host.
pub(super) struct LoopbackAuthenticator {
    allowed_origins: Vec<AllowedOrigin>,
}

impl LoopbackAuthenticator {
    pub(super) const fn new(allowed_origins: Vec<AllowedOrigin>) -> Self {
        Self { allowed_origins }
    }

    /// Without a token, the only protection is that the server can be reached only from this host. Web pages count as
    /// local too, because they run in a local browser: a page of another site may send requests to loopback (they carry
    /// its `Origin`), or make its own name resolve to loopback (they carry its name as `Host`).
    fn check(&self, head: &RequestHead<'_>) -> Result<(), AuthenticationError> {
        let host = check_host(head)?;
        let origins = head.headers.values("origin");
        let is_welcome = |origin: &[u8]| {
            let Some(text) = ascii(origin) else { return false };
            let is_ours = text.parse::<Origin>().is_ok_and(|origin| origin.is_of(&host));
            is_ours || self.allowed_origins.iter().any(|allowed| allowed.permits(text))
        };
        // `Origin` decides alone if it is there: `Sec-Fetch-Site` would also refuse the pages of allowed origins, which
        // are on other sites.
        if !origins.is_empty() {
            return if origins.into_iter().all(is_welcome) { Ok(()) } else { Err(origin_not_allowed()) };
        }
        // Browsers send no `Origin` with a GET that needs no CORS, such as that of an image, but they send this header.
        if is_own_site(head.headers.values("sec-fetch-site")) { Ok(()) } else { Err(origin_not_allowed()) }
    }
}

#[async_trait]
impl Authenticator for LoopbackAuthenticator {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Identity, AuthenticationError> {
        self.check(head)?;
        Ok(Identity { principal: Principal::Loopback, tenant: TenantId::DEFAULT })
    }
}

/// Returns the name under which the client addresses us, if it is a loopback name. A request target may contain a host
/// in addition to the header; a request that names two different hosts, or none, is refused.
pub(crate) fn check_host(head: &RequestHead<'_>) -> Result<Authority, AuthenticationError> {
    let in_headers = head.headers.values("host");
    let named = in_headers.first().copied().and_then(ascii).unwrap_or_default();
    own_name(in_headers.iter().copied(), head.authority).ok_or_else(|| {
        AuthenticationError::HostNotAllowed(format!(
            "without an admin token (`--admin-token`) only this machine's own names are served, not `{named}`"
        ))
    })
}

/// Returns the text of a header, if it is ASCII only.
fn ascii(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.is_ascii())
}

fn origin_not_allowed() -> AuthenticationError {
    let message = "this request is of a web page of another origin than the server: if a proxy stands in between, have it pass the \
                   `Host` header on; if the page is elsewhere, allow its origin with `--cors-origin`";
    AuthenticationError::OriginNotAllowed(message.to_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::http::Uri;

    use super::super::tests::headers;
    use super::super::{ReadHeaders, head_of};
    use super::*;
    use crate::ErrorCode;
    use crate::error::ApiError;

    fn loopback(pairs: &[(&'static str, &'static str)], allowed: &[&str]) -> Result<(), ErrorCode> {
        let authenticator = LoopbackAuthenticator::new(allowed.iter().map(|text| text.parse().unwrap()).collect());
        let checked = authenticator.check(&head_of(&ReadHeaders(&headers(pairs)), &Uri::from_static("/api/workers")));
        checked.map_err(|error| ApiError::from(error).code())
    }

    #[test]
    fn a_name_that_was_made_to_resolve_to_loopback_is_refused() {
        assert_eq!(loopback(&[("host", "evil.example")], &[]), Err(ErrorCode::HostNotAllowed));
    }

    #[test]
    fn a_host_that_only_begins_like_this_machines_own_is_refused() {
        for host in [
            "",
            "[::1]evil",
            "localhost:x@evil",
            "localhost@evil",
            "localhost:80:80",
            "localhost%00",
            "127.0.0.1.evil.com",
            "[::ffff:127.0.0.1]",
            "0x7f.1",
            "127.1",
            "[::1%lo]",
            "localhost, evil.example",
        ] {
            assert_eq!(loopback(&[("host", host)], &["*"]), Err(ErrorCode::HostNotAllowed), "{host}");
        }
    }

    #[test]
    fn a_request_that_names_no_host_or_two_is_refused() {
        for hosts in
            [&[][..], &[("host", "localhost"), ("host", "evil.example")], &[("host", "localhost"), ("host", "")]]
        {
            assert_eq!(loopback(hosts, &[]), Err(ErrorCode::HostNotAllowed), "{hosts:?}");
        }
        let check = |target, hosts: &[_]| {
            check_host(&head_of(&ReadHeaders(&headers(hosts)), &Uri::from_static(target))).is_ok()
        };
        assert!(check("http://localhost:3000/", &[("host", "localhost:3000")]));
        for target in ["http://evil.example/", "http://localhost@evil.example/", "http://user@localhost/"] {
            assert!(!check(target, &[("host", "localhost")]), "{target}");
        }
        assert!(!check("http://localhost/", &[("host", "evil.example")]));
        assert!(check("http://localhost/", &[]));
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let host = ("host", "localhost:3000");
        for foreign in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost:5173"),
            ("origin", "http://localhost"),
            ("origin", "http://localhost:3000@evil.example"),
            ("origin", "evil://localhost:3000"),
            ("origin", "http://localhost:3000/"),
            ("origin", ""),
        ] {
            assert_eq!(loopback(&[host, foreign], &[]), Err(ErrorCode::OriginNotAllowed), "{foreign:?}");
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(loopback(&[host, ("sec-fetch-site", site)], &[]), Err(ErrorCode::OriginNotAllowed), "{site}");
        }
    }

    #[test]
    fn one_foreign_page_among_several_is_enough() {
        let (host, own) = (("host", "localhost:3000"), ("origin", "http://localhost:3000"));
        for pairs in [
            [host, own, ("origin", "https://evil.example")],
            [host, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            assert_eq!(loopback(&pairs, &[]), Err(ErrorCode::OriginNotAllowed), "{pairs:?}");
        }
    }

    #[test]
    fn our_own_page_and_programs_are_let_in() {
        let host = ("host", "localhost:3000");
        assert_eq!(loopback(&[host], &[]), Ok(()));
        assert_eq!(
            loopback(&[host, ("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")], &[]),
            Ok(())
        );
        assert_eq!(loopback(&[host, ("sec-fetch-site", "none")], &[]), Ok(()));
    }

    #[test]
    fn a_page_of_an_allowed_origin_is_let_in() {
        let page = [("host", "localhost:3000"), ("origin", "http://localhost:5173"), ("sec-fetch-site", "same-site")];
        assert_eq!(loopback(&page, &["http://localhost:5173"]), Ok(()));
        for allowed in ["*", "http://LOCALHOST:5173", "http://localhost.:5173"] {
            assert_eq!(loopback(&page, &[allowed]), Ok(()), "{allowed}");
        }
        for allowed in ["http://localhost", "http://localhost:51730", "https://localhost:5173", "null"] {
            assert_eq!(loopback(&page, &[allowed]), Err(ErrorCode::OriginNotAllowed), "{allowed}");
        }
        let extension = [("host", "localhost:3000"), ("origin", "chrome-extension://abc")];
        assert_eq!(loopback(&extension, &["chrome-extension://abc"]), Ok(()));
        assert_eq!(loopback(&extension, &["chrome-extension://abcd"]), Err(ErrorCode::OriginNotAllowed));
    }
}
