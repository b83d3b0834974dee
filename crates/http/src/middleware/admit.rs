//! Lets only those in who may use the API.

use std::net::IpAddr;

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::uri::Authority;
use actix_web::middleware::Next;

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
fn check_loopback(headers: &HeaderMap, uri: &Uri, allowed_origins: &[String]) -> Result<(), ApiError> {
    let host = check_host(headers, uri)?;
    let origin = text(headers, &header::ORIGIN);
    if let Some(origin) = origin {
        let same = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
        let allowed = allowed_origins.iter().any(|allowed| allowed == "*" || allowed == origin);
        return if same || allowed { Ok(()) } else { Err(foreign()) };
    }
    match text(headers, &header::HeaderName::from_static("sec-fetch-site")) {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(foreign()),
    }
}

/// The name that the client knows us by, if it is one of this machine's own.
fn check_host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Result<Option<&'a str>, ApiError> {
    let host = text(headers, &header::HOST).or_else(|| uri.authority().map(Authority::as_str));
    match host {
        Some(host) if !is_loopback(host) => {
            let message = format!("without an admin token only this machine's own names are served, not `{host}`");
            Err(ApiError::new(ErrorCode::HostNotAllowed, message))
        }
        _ => Ok(host),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn foreign() -> ApiError {
    ApiError::new(ErrorCode::OriginNotAllowed, "web pages of other origins must be allowed by the configuration")
}

/// Whether a `Host`, with or without port, can only mean this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn loopback(pairs: &[(&'static str, &'static str)], allowed: &[&str]) -> Result<(), ErrorCode> {
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        check_loopback(&headers(pairs), &Uri::from_static("/api/workers"), &allowed).map_err(|error| error.code())
    }

    #[test]
    fn this_machines_own_names_are_loopback() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "app.localhost:1",
            "127.0.0.1:3000",
            "127.9.9.9",
            "[::1]:3000",
            "localhost.",
        ] {
            assert!(is_loopback(host), "{host}");
        }
    }

    #[test]
    fn other_names_are_not_loopback() {
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "192.168.1.2:3000",
            "[::2]",
            "notlocalhost",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_name_that_was_made_to_resolve_to_loopback_is_refused() {
        assert_eq!(loopback(&[("host", "evil.example")], &[]), Err(ErrorCode::HostNotAllowed));
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let host = ("host", "localhost:3000");
        for foreign in [("origin", "https://evil.example"), ("origin", "null"), ("origin", "http://localhost:5173")] {
            assert_eq!(loopback(&[host, foreign], &[]), Err(ErrorCode::OriginNotAllowed), "{foreign:?}");
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(loopback(&[host, ("sec-fetch-site", site)], &[]), Err(ErrorCode::OriginNotAllowed), "{site}");
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
        assert_eq!(loopback(&page, &["*"]), Ok(()));
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
