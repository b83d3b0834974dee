//! Gives a request its id, and logs its answer.

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use futures_util::FutureExt as _;
use tracing::Instrument as _;
use workers_domain::access::RequestId;
use workers_domain::ports::{Clock as _, SystemClock};

use crate::error::ApiError;

/// The header that the id travels in, both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the log calls the route of a request that no route took.
const NO_ROUTE: &str = "unmatched";

/// Around every handler, and again around a whole server. The inner of two does nothing.
pub(crate) async fn track<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    if request.extensions().contains::<RequestId>() {
        return next.call(request).await;
    }
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = RequestId::given_or_new(given, SystemClock.now());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let span = tracing::info_span!("http.request", request.id = id.as_str(), http.method = method.as_str());
    let started = Instant::now();
    let answered = AssertUnwindSafe(next.call(request)).catch_unwind().instrument(span.clone()).await;
    let _entered = span.enter();
    let Ok(answered) = answered else {
        return Err(ApiError::internal(&io::Error::other("a handler panicked")).into());
    };
    let mut response = answered?;
    let value = HeaderValue::from_str(id.as_str()).expect("an id is made of characters that a header can hold");
    response.headers_mut().insert(REQUEST_ID, value);
    let route = response.request().match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned());
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        http.method = method.as_str(),
        http.route = route,
        http.status = response.status().as_u16(),
        duration_ms,
        "request answered"
    );
    Ok(response)
}
