//! Formats the errors in our API's responses. Every handler is surrounded by [`workers_web::track`], which calls this.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::{ConnectionType, StatusCode, header};
use chrono::{DateTime, Utc};
use tracing::Span;
use tracing::field::Empty;
use workers_domain::WorkerId;
use workers_domain::access::RequestId;
use workers_service::LogDecision;
use workers_web::{RequestMetrics, TrackHooks, fit};

use crate::Api;
use crate::error::{self, ApiError};

impl TrackHooks for Api {
    fn now(&self) -> DateTime<Utc> {
        self.platform.clock().now()
    }

    fn metrics(&self) -> &RequestMetrics {
        self.metrics.requests()
    }

    fn span(&self, id: &RequestId, method: &'static str) -> Span {
        tracing::info_span!("http.request", request.id = id.as_str(), http.method = method, worker.id = Empty)
    }

    fn record_response(&self, response: &ServiceResponse<BoxBody>, span: &Span) {
        // The route has been matched by now. Text that is not a valid id must not be logged.
        if let Some(Ok(id)) = response.request().match_info().get("id").map(str::parse::<WorkerId>) {
            span.record("worker.id", tracing::field::display(id));
        }
    }

    fn format_error(&self, response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
        replace_error_body(self, response, id)
    }

    fn finish(&self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let mut response = fit(response);
        // The header prevented the compression of the event stream. In an HTTP response, `identity` is not valid in
        // this header.
        if response.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "identity") {
            response.headers_mut().remove(header::CONTENT_ENCODING);
        }
        // Responses contain names and messages chosen by users. Browsers must not interpret them as a page.
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
        // Closing the connection gives waiting connections a descriptor.
        if self.platform.is_short_of_descriptors() {
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        response
    }

    fn panic_response(&self, id: &RequestId) -> HttpResponse<BoxBody> {
        let error = ApiError::internal("a handler panicked");
        log_failure(self, &error);
        error.to_response(Some(id.as_str()))
    }
}

/// Replaces the body of an error response with our error body, including the request's id.
fn replace_error_body(api: &Api, response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let ours = response.response().error().and_then(|error| error.as_error::<ApiError>());
    if let Some(error) = ours {
        log_failure(api, error);
        let formatted = error.to_response(Some(id.as_str()));
        return response.into_response(formatted);
    }
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    // `/readyz` and failed invocations have bodies of their own beside a status of an error, and an inner `track` has
    // already put our error body in.
    if !is_error || content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json")) {
        return response;
    }
    let error = error::from_status(status);
    log_failure(api, &error);
    response.into_response(error.to_response(Some(id.as_str())))
}

/// Logs errors of the platform: the first failure of a series in full, later ones as a count. Only the error of a
/// stream that has begun is logged elsewhere (`invoke/stream.rs`).
fn log_failure(api: &Api, error: &ApiError) {
    let (status, code) = (error.code().status(), error.code().as_str());
    if !status.is_server_error() {
        tracing::debug!(error.code = code, "request refused: {error}");
        return;
    }
    let (cause, advice) = (error.cause_chain(), error.code().advice());
    let (cause, worker_id) = (cause.as_deref(), error.worker_id().map(tracing::field::display));
    // Unexpected errors have various causes, so each cause is a separate kind for the log.
    let is_unexpected = status == StatusCode::INTERNAL_SERVER_ERROR;
    let kind = if is_unexpected { cause.unwrap_or(code) } else { code };
    let (failures, what) = match api.platform.failed(kind) {
        LogDecision::First => (None, "request failed"),
        LogDecision::Count(failures) => (Some(failures), "requests failed; this is the latest of them"),
        LogDecision::Suppress => return,
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
