//! The parts of [`workers_web::track`], which wraps every handler, that are specific to this API.

use std::io;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::{HttpResponse, ResponseError as _};
use chrono::{DateTime, Utc};
use tracing::Span;
use workers_domain::access::RequestId;
use workers_domain::ports::{Clock as _, SystemClock};
use workers_web::{RequestMetrics, TrackHooks};

use crate::error::ApiError;

/// The API's metrics and error responses, for [`workers_web::track`]. Errors get their messages where they are created.
#[derive(Clone)]
pub(crate) struct Hooks {
    requests: RequestMetrics,
}

impl Hooks {
    pub(crate) const fn new(requests: RequestMetrics) -> Self {
        Self { requests }
    }
}

impl TrackHooks for Hooks {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }

    fn metrics(&self) -> &RequestMetrics {
        &self.requests
    }

    fn span(&self, id: &RequestId, method: &'static str) -> Span {
        tracing::info_span!("http.request", request.id = id.as_str(), http.method = method)
    }

    fn format_error(&self, response: ServiceResponse<BoxBody>, _: &RequestId) -> ServiceResponse<BoxBody> {
        response
    }

    fn finish(&self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        response
    }

    fn panic_response(&self, _: &RequestId) -> HttpResponse<BoxBody> {
        ApiError::internal(&io::Error::other("a handler panicked")).error_response()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::{Compat, from_fn};
    use actix_web::test::{TestRequest, init_service, try_call_service};
    use actix_web::{App, web};
    use prometheus::{Encoder as _, Registry, TextEncoder};
    use workers_web::track;

    use super::*;

    async fn panics() -> &'static str {
        panic!("the test asked for this")
    }

    #[actix_web::test]
    async fn a_handler_that_panics_is_answered_with_the_requests_id_and_counted() {
        let registry = Registry::new();
        let hooks = Hooks::new(RequestMetrics::register(&registry, "vercel").unwrap());
        let tracking = from_fn(move |request, next| track(hooks.clone(), request, next));
        let app = App::new().route("/panic", web::get().to(panics)).wrap(Compat::new(tracking));
        let request = TestRequest::get().uri("/panic").insert_header(("x-request-id", "mine")).to_request();
        let error = try_call_service(&init_service(app).await, request).await.unwrap_err();
        let response = error.error_response();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers().get("x-request-id").unwrap(), "mine");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/json; charset=utf-8");
        let mut text = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("vercel_requests_total{method=\"GET\",route=\"/panic\",status=\"500\"} 1"), "{text}");
    }
}
