//! Server-sent events: the common part of all event streams.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, ContentEncoding, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use futures_util::Stream;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::Api;
use crate::pieces::{is_long, next_piece};

/// Makes a client wait one second before it reconnects.
const RETRY: &str = "retry: 1000\n";
/// A comment that keeps a silent stream alive.
const KEEP_ALIVE: &str = ": keep-alive\n";

/// Whether a client that lost the stream may reconnect automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reconnect {
    /// It may, because reconnecting has no side effects.
    Invited,
    /// It should not, because the same request would do its work a second time.
    NotInvited,
}

/// An event whose data is one line of JSON.
#[derive(Debug)]
pub(crate) struct Event {
    id: Option<String>,
    name: &'static str,
    data: String,
}

impl Event {
    /// Creates an event without an id.
    pub(crate) fn new(name: &'static str, data: &impl Serialize) -> Self {
        let mut data = serde_json::to_string(data).expect("strings, numbers and checked JSON can always be written");
        // The event may have to wait for its reader, so free unused memory.
        data.shrink_to_fit();
        Self { id: None, name, data }
    }

    /// Adds an id, which must be a single line.
    pub(crate) fn with_id(self, id: String) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Encodes the event: in one piece, unless that would copy long data.
    fn into_lines(self) -> impl Iterator<Item = Bytes> {
        let Self { id, name, data } = self;
        let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
        let head = format!("{id}event: {name}\ndata: ");
        let lines = if is_long(data.len()) {
            [head.into(), data.into(), Bytes::from_static(b"\n\n")]
        } else {
            [format!("{head}{data}\n\n").into(), Bytes::new(), Bytes::new()]
        };
        lines.into_iter().filter(|part| !part.is_empty())
    }
}

/// Creates a response that sends events as they arrive. The head is sent at once. The stream is not polled for the next
/// event, and not dropped, before the previous event is sent.
pub(crate) fn respond(api: &Api, reconnect: Reconnect, events: impl Stream<Item = Event> + 'static) -> HttpResponse {
    // The first tick is due at once, so a stream without an event begins with a comment (docs/api.md).
    let mut keep_alive = interval(api.options.sse_keep_alive);
    // The default would send all comments at once that fell due while the client did not read.
    keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rest = VecDeque::new();
    if reconnect == Reconnect::Invited {
        rest.push_back(Bytes::from_static(RETRY.as_bytes()));
    }
    HttpResponse::Ok()
        .content_type("text/event-stream")
        // Not compressed, because compression would delay events.
        .insert_header(ContentEncoding::Identity)
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")))
        .insert_header((HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")))
        .body(Lines { events: Box::pin(events), rest, keep_alive })
}

/// Encodes events, and comments between them. An empty line follows events only: after any other line, common clients
/// such as `@microsoft/fetch-event-source` interpret it as an event without data.
struct Lines<S> {
    events: Pin<Box<S>>,
    /// The rest of an event, or a line before the first event.
    rest: VecDeque<Bytes>,
    keep_alive: Interval,
}

impl<S: Stream<Item = Event>> MessageBody for Lines<S> {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.rest.is_empty() {
            match self.events.as_mut().poll_next(context) {
                Poll::Ready(Some(event)) => self.rest.extend(event.into_lines()),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    let line = Bytes::from_static(KEEP_ALIVE.as_bytes());
                    return self.keep_alive.poll_tick(context).map(|_| Some(Ok(line)));
                }
            }
        }
        while let Some(part) = self.rest.front_mut() {
            if let Some(piece) = next_piece(part) {
                return Poll::Ready(Some(Ok(piece)));
            }
            self.rest.pop_front();
        }
        // Only parts without content were left. `Pending` would be wrong here: nothing has registered to wake this
        // task.
        self.as_mut().poll_next(context)
    }
}
