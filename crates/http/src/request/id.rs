//! A request's id: the client's own, if it is sane, else a new one.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The longest id a client may choose.
const MAX_BYTES: usize = 128;

/// A request's id, in its answer and in every line of log that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

    /// Takes over the client's id, or makes one where there is none or one that does not belong into a log.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let sane = |id: &&str| {
            (1..=MAX_BYTES).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte))
        };
        let given = headers.get(Self::HEADER).and_then(|value| value.to_str().ok()).filter(sane);
        Self(given.map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("an id is made of characters that a header can hold")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(value: &[u8]) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(RequestId::HEADER, HeaderValue::from_bytes(value).unwrap());
        RequestId::of(&headers)
    }

    #[test]
    fn a_sane_id_is_kept() {
        assert_eq!(id_for(b"01J:abc_DEF-1.2/3").as_str(), "01J:abc_DEF-1.2/3");
    }

    #[test]
    fn an_id_that_does_not_belong_into_a_log_is_replaced() {
        for value in [&b"a b"[..], b"a\tb", b"{\"x\":1}", "ä".as_bytes(), b"", &[b'a'; 129]] {
            assert_eq!(id_for(value).as_str().len(), 36, "{value:?}");
        }
    }

    #[test]
    fn no_two_requests_get_the_same_id() {
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}
