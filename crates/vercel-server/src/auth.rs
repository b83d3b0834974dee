//! Who asks, and for which team.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::AccessToken;
use crate::error::{ApiError, ErrorCode};
use crate::registry::Registry;
use crate::routes::Params;

/// Somebody who may use the API.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The team whose sandboxes he may use; empty for none.
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
        check_local(request.headers())?;
        None
    } else {
        check_token(tokens, request.headers())?.team()
    };
    let params = Params::parse(request)?;
    let asked = params.get("teamId").or_else(|| params.get("slug"));
    let team = match (bound, asked) {
        (Some(bound), Some(asked)) if bound != asked => {
            return Err(ApiError::new(ErrorCode::Forbidden, "The token is not for this team."));
        }
        (Some(team), _) | (None, Some(team)) => team.to_owned(),
        (None, None) => String::new(),
    };
    if team.len() > 128 {
        return Err(ApiError::bad_request("`teamId` must have at most 128 bytes."));
    }
    Ok(Caller { team })
}

fn check_token<'a>(tokens: &'a [AccessToken], headers: &HeaderMap) -> Result<&'a AccessToken, ApiError> {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).and_then(bearer);
    let Some(given) = given else {
        let message = "This needs the header `Authorization: Bearer <token>`.";
        return Err(ApiError::new(ErrorCode::Unauthorized, message));
    };
    // All are compared, so that the time does not tell which one it was.
    let mut found = None;
    for token in tokens {
        if token.matches(given) && found.is_none() {
            found = Some(token);
        }
    }
    found.ok_or_else(|| ApiError::new(ErrorCode::Forbidden, "The token is not valid."))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Without tokens the only protection is that nobody else is on this machine. Web pages are: one of another site may send requests to
/// loopback (they carry its `Origin`), or have its own name resolve to loopback (they carry its name as `Host`).
fn check_local(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_page = text(header::ORIGIN).is_some()
        || !matches!(text(HeaderName::from_static("sec-fetch-site")), None | Some("none" | "same-origin"));
    if is_page {
        return Err(ApiError::new(ErrorCode::Forbidden, "Without tokens this server does not answer web pages."));
    }
    if text(header::HOST).is_some_and(|host| !is_loopback(host)) {
        let message = "Without tokens this server answers to this machine's own names only, such as `localhost`.";
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    Ok(())
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
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn programs_on_this_machine_are_let_in_and_web_pages_are_not() {
        let host = ("host", "127.0.0.1:8787");
        assert!(check_local(&headers(&[host, ("sec-fetch-mode", "cors")])).is_ok());
        for page in [
            &[host, ("origin", "https://evil.example")][..],
            &[host, ("sec-fetch-site", "cross-site")],
            &[("host", "evil.example")],
            &[("host", "127.0.0.1.nip.io:80")],
        ] {
            assert_eq!(check_local(&headers(page)).unwrap_err().code(), ErrorCode::Forbidden, "{page:?}");
        }
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
