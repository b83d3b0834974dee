//! Server-sent events: how every stream of them is answered.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder as _};
use actix_web_lab::sse::{Data, Event, Sse};
use futures_util::Stream;
use serde::Serialize;

use crate::Api;

/// How long a client should wait before it connects again.
const RETRY: Duration = Duration::from_secs(1);

/// An answer that sends these events as they come. Its first words, which say when to come back, are sent at once.
pub(crate) fn respond(api: &Api, request: &HttpRequest, events: impl Stream<Item = Event> + 'static) -> HttpResponse {
    let mut response = Sse::from_infallible_stream(events)
        .with_keep_alive(api.options.sse_keep_alive)
        .with_retry_duration(RETRY)
        .respond_to(request);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// An event with one line of JSON as its data.
pub(crate) fn named(event: &'static str, data: &impl Serialize) -> Data {
    let json = serde_json::to_string(data).expect("strings, numbers and checked JSON can always be written");
    Data::new(json).event(event)
}
