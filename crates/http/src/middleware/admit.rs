//! Lets only those in who may use the API.

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use workers_domain::{AllowedOrigin, Authority, Origin};

use crate::error::{ApiError, ErrorCode};
use crate::{Access, AdminToken, Api};

/// Around every handler that is not a health check.
pub(crate) async fn admit(
    api: Api,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let verdict = match &api.options.access {
        Access::Token(token) => check_token(token, request.headers()),
        Access::Loopback => check_loopback(request.headers(), request.uri(), &api.options.cors_origins),
        Access::Embedded => Ok(()),
    };
    match verdict {
        Ok(()) => next.call(request).await,
        Err(error) => Ok(request.error_response(error)),
    }
}

/// Around the console's files, which hold no data: anybody may load them, and a link of another site may lead to them. Only
/// where loopback is all that protects us, a page of another site must not pass our page off as its own by a name that it had
/// resolve to this machine.
pub(crate) async fn receive(
    api: Api,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let verdict = match &api.options.access {
        Access::Loopback => check_host(request.headers(), request.uri()).map(|_| ()),
        Access::Token(_) | Access::Embedded => Ok(()),
    };
    match verdict {
        Ok(()) => next.call(request).await,
        Err(error) => Ok(request.error_response(error)),
    }
}

fn check_token(token: &AdminToken, headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).and_then(bearer);
    if given.is_some_and(|given| token.matches(given)) {
        return Ok(());
    }
    let message = match given {
        Some(_) => "the token is not the right one",
        None => "this needs the header `Authorization: Bearer <admin token>`",
    };
    Err(ApiError::new(ErrorCode::Unauthorized, message)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"workers\"")))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Without a token the only protection is that nobody else is on this machine. Web pages are: a page of another site may send
/// requests to loopback (they carry its `Origin`), or have its own name resolve to loopback (they carry its name as `Host`).
fn check_loopback(headers: &HeaderMap, uri: &Uri, allowed_origins: &[AllowedOrigin]) -> Result<(), ApiError> {
    let host = check_host(headers, uri)?;
    let mut origins = headers.get_all(header::ORIGIN).peekable();
    if origins.peek().is_some() {
        let is_welcome = |origin: &HeaderValue| {
            let Ok(text) = origin.to_str() else { return false };
            let is_ours = text.parse::<Origin>().is_ok_and(|origin| origin.is_of(&host));
            is_ours || allowed_origins.iter().any(|allowed| allowed.permits(text))
        };
        return if origins.all(is_welcome) { Ok(()) } else { Err(foreign()) };
    }
    let mut sites = headers.get_all(header::HeaderName::from_static("sec-fetch-site"));
    let is_own = |site: &HeaderValue| ["same-origin", "none"].iter().any(|own| site == own);
    if sites.all(is_own) { Ok(()) } else { Err(foreign()) }
}

/// The name that the client knows us by, if it is one of this machine's own. A request target may name a host beside the header; a
/// request that names two different ones, or none, is refused.
fn check_host(headers: &HeaderMap, uri: &Uri) -> Result<Authority, ApiError> {
    let in_headers = headers.get_all(header::HOST).map(HeaderValue::as_bytes);
    let in_target = uri.authority().map(|authority| authority.as_str().as_bytes());
    Authority::agreed(in_headers.chain(in_target)).filter(|authority| authority.host.is_loopback()).ok_or_else(|| {
        let named = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let message =
            format!("without an admin token (`--admin-token`) only this machine's own names are served, not `{named}`");
        ApiError::new(ErrorCode::HostNotAllowed, message)
    })
}

fn foreign() -> ApiError {
    let message = "this request is of a web page of another origin than the server: if a proxy stands in between, have it pass the \
                   `Host` header on; if the page is elsewhere, allow its origin with `--cors-origin`";
    ApiError::new(ErrorCode::OriginNotAllowed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(header::HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn loopback(pairs: &[(&'static str, &'static str)], allowed: &[&str]) -> Result<(), ErrorCode> {
        let allowed: Vec<AllowedOrigin> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        check_loopback(&headers(pairs), &Uri::from_static("/api/workers"), &allowed).map_err(|error| error.code())
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
        let check = |target, host| check_host(&headers(&[("host", host)]), &Uri::from_static(target)).is_ok();
        assert!(check("http://localhost:3000/", "localhost:3000"));
        for target in ["http://evil.example/", "http://localhost@evil.example/", "http://user@localhost/"] {
            assert!(!check(target, "localhost"), "{target}");
        }
        assert!(!check("http://localhost/", "evil.example"));
        assert!(check_host(&headers(&[]), &Uri::from_static("http://localhost/")).is_ok());
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

    #[test]
    fn the_scheme_of_a_token_may_be_written_in_any_case() {
        let token = AdminToken::new("s3cret").unwrap();
        assert!(check_token(&token, &headers(&[("authorization", "bEaReR s3cret")])).is_ok());
    }

    #[test]
    fn no_token_and_a_wrong_one_are_unauthorized() {
        let token = AdminToken::new("s3cret").unwrap();
        for pairs in [
            &[][..],
            &[("authorization", "Bearer nope")],
            &[("authorization", "Basic s3cret")],
            &[("authorization", "s3")],
        ] {
            assert_eq!(check_token(&token, &headers(pairs)).unwrap_err().code(), ErrorCode::Unauthorized);
        }
    }
}
