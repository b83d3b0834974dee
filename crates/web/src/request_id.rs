//! The id of a request: the client's own if it is valid, otherwise a new one.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};
use workers_domain::access::RequestId;

/// The header that contains the id, in requests and responses.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Returns the client's id, or a new one if there is none or it is not valid in a log.
#[must_use]
pub fn request_id(headers: &HeaderMap, now: DateTime<Utc>) -> RequestId {
    RequestId::given_or_new(headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()), now)
}

/// Returns the id as a header value for the response.
///
/// # Panics
///
/// Never: all characters of an id are valid in a header.
#[must_use]
pub fn id_header(id: &RequestId) -> HeaderValue {
    HeaderValue::from_str(id.as_str()).expect("an id is made of characters that a header can hold")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(value: &[u8]) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        request_id(&headers, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_sane_id_is_kept() {
        assert_eq!(id_for(b"01J:abc_DEF-1.2/3").as_str(), "01J:abc_DEF-1.2/3");
    }

    #[test]
    fn an_id_that_does_not_belong_into_a_log_is_replaced() {
        // 129 is one more than an id may have. A new id is a UUID, which has 36 characters.
        for value in [&b"a b"[..], b"a\tb", b"{\"x\":1}", "ä".as_bytes(), b"", &[b'a'; 129]] {
            assert_eq!(id_for(value).as_str().len(), 36, "{value:?}");
        }
    }

    #[test]
    fn no_two_requests_get_the_same_id() {
        let id = || request_id(&HeaderMap::new(), DateTime::UNIX_EPOCH);
        assert_ne!(id(), id());
    }
}
