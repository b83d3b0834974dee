//! Authentication: checks the token of a request and finds the team it is for.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::uri::Authority;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use workers_web::{bearer, is_own_site, own_name};

use crate::AccessToken;
use crate::error::{ApiError, ErrorCode};
use crate::registry::Registry;
use crate::routes::Params;

/// The authenticated sender of a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The team whose sandboxes the caller may use; empty for none.
    pub(crate) team: String,
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admit(request))
    }
}

fn admit(request: &HttpRequest) -> Result<Caller, ApiError> {
    let registry = request.app_data::<Data<Registry>>();
    let tokens = registry.map(|registry| registry.options().tokens.as_slice()).unwrap_or_default();
    let bound = if tokens.is_empty() {
        check_local(request.headers(), request.uri())?;
        None
    } else {
        check_token(tokens, request.headers())?.team()
    };
    let params = Params::parse(request)?;
    let requested = params.get("teamId").or_else(|| params.get("slug"));
    let team = match (bound, requested) {
        (Some(bound), Some(requested)) if bound != requested => {
            return Err(ApiError::new(ErrorCode::Forbidden, "The token is not for this team."));
        }
        (Some(team), _) | (None, Some(team)) => team.to_owned(),
        (None, None) => String::new(),
    };
    if team.len() > 128 {
        return Err(ApiError::bad_request("`teamId` must have at most 128 bytes."));
    }
    // Counted after the token is checked, so that requests without a valid token use up no team's limit.
    if let Some(registry) = registry {
        let status = registry.count_request(&team);
        // The response reports it in its rate limit headers.
        request.extensions_mut().insert(status);
        if let Some(seconds) = status.retry_after {
            let message =
                format!("The team has made {} requests within ten seconds, which is as many as it may.", status.limit);
            return Err(ApiError::new(ErrorCode::TooManyRequests, message).retry_after(seconds));
        }
    }
    Ok(Caller { team })
}

fn check_token<'a>(tokens: &'a [AccessToken], headers: &HeaderMap) -> Result<&'a AccessToken, ApiError> {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).and_then(bearer);
    let Some(given) = given else {
        let message = "This needs the header `Authorization: Bearer <token>`.";
        return Err(ApiError::new(ErrorCode::Unauthorized, message));
    };
    // Compare all tokens, so that the time taken does not reveal which one matched.
    let mut found = None;
    for token in tokens {
        if token.matches(given) && found.is_none() {
            found = Some(token);
        }
    }
    found.ok_or_else(|| ApiError::new(ErrorCode::Forbidden, "The token is not valid."))
}

/// Checks that a request to a server without tokens does not come from a web page.
///
/// Without tokens the only protection is that no other user has access to this host. Web pages do have access: a page
/// of another site can send requests to loopback (they carry its `Origin`), or make its own name resolve to loopback
/// (they carry its name as `Host`).
///
/// A request target may name a host in addition to the header; a request that names two different ones, or none, is
/// refused.
fn check_local(headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    let sites = headers.get_all(HeaderName::from_static("sec-fetch-site")).map(HeaderValue::as_bytes);
    let is_page = headers.contains_key(header::ORIGIN) || !is_own_site(sites);
    if is_page {
        return Err(ApiError::new(ErrorCode::Forbidden, "Without tokens this server does not answer web pages."));
    }
    let in_headers = headers.get_all(header::HOST).map(HeaderValue::as_bytes);
    if own_name(in_headers, uri.authority().map(Authority::as_str)).is_some() {
        return Ok(());
    }
    let message = "Without tokens this server answers to this machine's own names only, such as `localhost`.";
    Err(ApiError::new(ErrorCode::Forbidden, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn local(pairs: &[(&'static str, &'static str)]) -> Result<(), ErrorCode> {
        check_local(&headers(pairs), &Uri::from_static("/v2/sandboxes")).map_err(|error| error.code())
    }

    #[test]
    fn programs_on_this_machine_are_let_in_and_web_pages_are_not() {
        // `fetch` of Node.js sends `sec-fetch-mode` too, and is no web page.
        for host in ["127.0.0.1:8787", "LOCALHOST", "localhost.:8787", "[::1]:8787", "127.9.9.9"] {
            assert_eq!(local(&[("host", host), ("sec-fetch-mode", "cors")]), Ok(()), "{host}");
        }
        let host = ("host", "127.0.0.1:8787");
        for page in [
            &[host, ("origin", "https://evil.example")][..],
            &[host, ("origin", "http://127.0.0.1:8787")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            assert_eq!(local(page), Err(ErrorCode::Forbidden), "{page:?}");
        }
    }

    #[test]
    fn a_host_that_only_begins_like_this_machines_own_is_refused() {
        for host in [
            "",
            "evil.example",
            // A foreign name that resolves to loopback: a web page could use it to reach this server.
            "127.0.0.1.nip.io:80",
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
        ] {
            assert_eq!(local(&[("host", host)]), Err(ErrorCode::Forbidden), "{host}");
        }
    }

    #[test]
    fn a_request_that_names_no_host_or_two_is_refused() {
        for hosts in [&[][..], &[("host", "localhost"), ("host", "evil.example")]] {
            assert_eq!(local(hosts), Err(ErrorCode::Forbidden), "{hosts:?}");
        }
        let absolute = |target| check_local(&headers(&[]), &Uri::from_static(target)).is_ok();
        assert!(absolute("http://localhost/") && !absolute("http://evil.example/"));
        let check = |target| check_local(&headers(&[("host", "localhost")]), &Uri::from_static(target)).is_ok();
        assert!(
            check("http://localhost/") && !check("http://evil.example/") && !check("http://localhost@evil.example/")
        );
    }

    #[test]
    fn a_token_is_found_among_several() {
        let tokens = [AccessToken::new("one").unwrap(), AccessToken::new("two").unwrap().for_team("b")];
        let find = |value| check_token(&tokens, &headers(&[("authorization", value)])).map(AccessToken::team);
        assert_eq!(find("Bearer one").unwrap(), None);
        assert_eq!(find("bearer two").unwrap(), Some("b"));
        assert_eq!(find("Bearer three").unwrap_err().code(), ErrorCode::Forbidden);
        assert_eq!(find("Basic one").unwrap_err().code(), ErrorCode::Unauthorized);
    }
}
