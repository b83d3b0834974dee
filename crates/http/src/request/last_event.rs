//! The last event that a client received before it lost a stream.

use actix_web::http::header::{HeaderMap, HeaderName};
use workers_domain::InvocationId;

/// The header that a client sends when it reconnects after losing a stream.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Returns the invocation whose stream a client has read, if the header contains a valid id of one of our events.
pub(crate) fn watched_before(headers: &HeaderMap) -> Option<InvocationId> {
    let (invocation, number) = headers.get(LAST_EVENT_ID)?.to_str().ok()?.trim().split_once(':')?;
    number.parse::<u64>().ok()?;
    invocation.parse().ok()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn watched(id: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LAST_EVENT_ID, HeaderValue::from_static(id));
        watched_before(&headers).map(|invocation| invocation.to_string())
    }

    #[test]
    fn only_an_id_of_our_events_names_an_invocation() {
        let id = "019ab0f0-6a38-7000-8000-000000000000";
        assert_eq!(watched("019ab0f0-6a38-7000-8000-000000000000:2").as_deref(), Some(id));
        for other in ["", "2", "x:2", "019ab0f0-6a38-7000-8000-000000000000", "019ab0f0-6a38-7000-8000-000000000000:x"]
        {
            assert_eq!(watched(other), None, "{other}");
        }
        assert_eq!(watched_before(&HeaderMap::new()), None);
    }
}
