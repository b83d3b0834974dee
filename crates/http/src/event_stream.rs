//! Server-sent events: how every stream of them is answered.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, Responder as _};
use actix_web_lab::sse::{Data, Event, Sse};
use futures_util::Stream;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::Api;

/// Asks a client to wait for a second before it connects again.
const RETRY: &str = "retry: 1000\n";
/// Keeps a silent stream alive.
const KEEP_ALIVE: &str = ": keep-alive\n";

/// Whether a client that lost the stream may connect again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reconnect {
    /// It may: nothing happens by that.
    Invited,
    /// The same request would do its work a second time.
    NotInvited,
}

/// An answer that sends these events as they come. Its head is sent at once.
pub(crate) fn respond(
    api: &Api,
    request: &HttpRequest,
    reconnect: Reconnect,
    events: impl Stream<Item = Event> + 'static,
) -> HttpResponse {
    let mut keep_alive = interval(api.options.sse_keep_alive);
    keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let retry = (reconnect == Reconnect::Invited).then_some(RETRY);
    let mut response = Sse::from_infallible_stream(events)
        .respond_to(request)
        .map_body(|_, events| BoxBody::new(Lines { events, retry, keep_alive }));
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

/// Events, and between them lines that are none. An empty line stands behind events only: after any other line common
/// clients, such as `@microsoft/fetch-event-source`, take it for an event without data.
struct Lines {
    events: BoxBody,
    retry: Option<&'static str>,
    keep_alive: Interval,
}

impl MessageBody for Lines {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if let Some(line) = self.retry.take() {
            return Poll::Ready(Some(Ok(Bytes::from_static(line.as_bytes()))));
        }
        if let Poll::Ready(event) = self.events.as_pin_mut().poll_next(context) {
            return Poll::Ready(event);
        }
        self.keep_alive.poll_tick(context).map(|_| Some(Ok(Bytes::from_static(KEEP_ALIVE.as_bytes()))))
    }
}
