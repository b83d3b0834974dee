//! Gives a request its id, counts and logs its answer, and words the error in it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use futures_util::FutureExt as _;
use tracing::Instrument as _;
use tracing::field::Empty;
use workers_domain::WorkerId;
use workers_domain::access::RequestId;
use workers_service::Telling;

use super::fit::fit;
use crate::Api;
use crate::error::{self, ApiError};
use crate::request::{REQUEST_ID, id_header, request_id};

/// What a request is counted under that no route took.
const NO_ROUTE: &str = "unmatched";

/// Around every handler, and again around a whole [`Application`](crate::Application). The inner of two only words errors, so that
/// what stands between them, such as cross-origin headers, is kept.
pub(crate) async fn track(
    api: Api,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let outer = request.extensions().get::<RequestId>().cloned();
    if let Some(id) = outer {
        return Ok(word_error(&api, next.call(request).await?.map_into_boxed_body(), &id));
    }
    let id = request_id(request.headers(), api.platform.clock().now());
    request.extensions_mut().insert(id.clone());
    let method = method_label(request.method());
    let span = tracing::info_span!("http.request", request.id = id.as_str(), http.method = method, worker.id = Empty);
    let started = Instant::now();
    let answered = AssertUnwindSafe(next.call(request)).catch_unwind().instrument(span.clone()).await;
    let _entered = span.enter();
    let response = match answered {
        Ok(answered) => {
            let response = answered?.map_into_boxed_body();
            // The route is known now. Text that is no id does not belong into a log.
            if let Some(Ok(id)) = response.request().match_info().get("id").map(str::parse::<WorkerId>) {
                span.record("worker.id", tracing::field::display(id));
            }
            response
        }
        Err(_panic) => {
            let error = ApiError::internal("a handler panicked");
            log_failure(&api, &error);
            return Err(error.into());
        }
    };
    let mut response = fit(word_error(&api, response, &id));
    // It kept the event stream from being compressed; on the wire `identity` has no place in this header.
    if response.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "identity") {
        response.headers_mut().remove(header::CONTENT_ENCODING);
    }
    response.headers_mut().insert(REQUEST_ID, id_header(&id));
    // Names and messages that users chose are in our answers; no browser shall take them for a page.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    let route = response.request().match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned());
    report(&api, method, &route, response.status().as_u16(), started.elapsed());
    Ok(response)
}

fn report(api: &Api, method: &str, route: &str, status: u16, took: Duration) {
    api.metrics.answered(method, route, status, took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(http.method = method, http.route = route, http.status = status, duration_ms, "request answered");
}

/// Clients may send any word as a method; metrics know these.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// Puts our error body, with the request's id, in the place of whatever body an error has.
fn word_error(api: &Api, response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let ours = response.response().error().and_then(|error| error.as_error::<ApiError>());
    if let Some(error) = ours {
        log_failure(api, error);
        let worded = error.to_response(Some(id.as_str()));
        return response.into_response(worded);
    }
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if !is_error || content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json")) {
        return response;
    }
    let error = error::from_status(status);
    log_failure(api, &error);
    response.into_response(error.to_response(Some(id.as_str())))
}

/// Here, and only here, a failure of ours is logged: in full when failures of its kind begin, by count while they go
/// on.
fn log_failure(api: &Api, error: &ApiError) {
    let (status, code) = (error.code().status(), error.code().as_str());
    if !status.is_server_error() {
        tracing::debug!(error.code = code, "request refused: {error}");
        return;
    }
    let (cause, advice) = (error.cause_chain(), error.code().advice());
    let (cause, worker_id) = (cause.as_deref(), error.worker_id().map(tracing::field::display));
    // What is unexpected has many causes, and the log has each.
    let is_unexpected = status == StatusCode::INTERNAL_SERVER_ERROR;
    let kind = if is_unexpected { cause.unwrap_or(code) } else { code };
    let (failures, what) = match api.platform.failed(kind) {
        Telling::First => (None, "request failed"),
        Telling::Count(failures) => (Some(failures), "requests failed; the last of them"),
        Telling::Nothing => return,
    };
    if is_unexpected && failures.is_none() {
        tracing::error!(worker.id = worker_id, error.code = code, error.cause = cause, advice, "{what}: {error}");
    } else {
        tracing::warn!(
            failures,
            worker.id = worker_id,
            error.code = code,
            error.cause = cause,
            advice,
            "{what}: {error}"
        );
    }
}
