//! Middleware that assigns request ids, counts and logs responses, and responds when a handler panicked.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse};
use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use tracing::{Instrument as _, Span};
use workers_domain::access::RequestId;

use crate::metrics::{RequestMetrics, method_label};
use crate::request_id::{REQUEST_ID, id_header, request_id};

/// The route label of requests that matched no route.
const NO_ROUTE: &str = "unmatched";

/// The server-specific parts of the response handling in [`track`].
pub trait TrackHooks {
    /// Returns the current time, which becomes part of new ids.
    fn now(&self) -> DateTime<Utc>;

    /// Returns the metrics that count the requests.
    fn metrics(&self) -> &RequestMetrics;

    /// Creates the span for a request's log lines. It must have the fields `request.id` and `http.method`.
    fn span(&self, id: &RequestId, method: &'static str) -> Span;

    /// Formats the error in a response. If two [`track`]s surround one handler, both call this, the inner one first, so
    /// that changes made between them (such as cross-origin headers) are kept.
    fn format_error(&self, response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody>;

    /// Records in the span what is known about a request once there is a response.
    fn record_response(&self, _response: &ServiceResponse<BoxBody>, _span: &Span) {}

    /// Finishes a response. Called once per request.
    fn finish(&self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody>;

    /// Returns the response for a handler that panicked. Details belong in the log only.
    fn panic_response(&self, id: &RequestId) -> HttpResponse<BoxBody>;
}

/// The middleware. It surrounds every handler, and additionally the whole server.
///
/// # Errors
///
/// If the handler failed without a response, or panicked. The error of a panic contains the response, with the
/// request's id.
pub async fn track<W: TrackHooks>(
    server: W,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let outer = request.extensions().get::<RequestId>().cloned();
    // Another `track` further out has begun with this request. It counts, logs and finishes the response once.
    if let Some(id) = outer {
        return Ok(server.format_error(next.call(request).await?.map_into_boxed_body(), &id));
    }
    let id = request_id(request.headers(), server.now());
    request.extensions_mut().insert(id.clone());
    let method = method_label(request.method());
    // A panic drops the request, so the route is read before.
    let likely_route = request.match_pattern();
    let span = server.span(&id, method);
    let started = Instant::now();
    let result = AssertUnwindSafe(next.call(request)).catch_unwind().instrument(span.clone()).await;
    // Nothing below waits, so the span can stay entered until the end.
    let _entered = span.enter();
    let Ok(result) = result else {
        let mut response = server.panic_response(&id);
        response.headers_mut().insert(REQUEST_ID, id_header(&id));
        record_and_log(
            server.metrics(),
            method,
            likely_route.as_deref(),
            response.status().as_u16(),
            started.elapsed(),
        );
        // Without the request there can be no `ServiceResponse`, so the error carries the response.
        return Err(InternalError::from_response("a handler panicked", response).into());
    };
    let response = result?.map_into_boxed_body();
    server.record_response(&response, &span);
    let mut response = server.finish(server.format_error(response, &id));
    response.headers_mut().insert(REQUEST_ID, id_header(&id));
    let route = response.request().match_pattern();
    record_and_log(server.metrics(), method, route.as_deref(), response.status().as_u16(), started.elapsed());
    Ok(response)
}

fn record_and_log(metrics: &RequestMetrics, method: &str, route: Option<&str>, status: u16, took: Duration) {
    let route = route.unwrap_or(NO_ROUTE);
    metrics.count(method, route, status, took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(http.method = method, http.route = route, http.status = status, duration_ms, "request answered");
}
