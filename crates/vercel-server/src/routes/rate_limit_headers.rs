//! Adds the rate limit headers of the team to each response.

use actix_web::Error;
use actix_web::HttpMessage as _;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;

use crate::registry::RateLimitStatus;

/// Adds the headers that the hosted service has. A request that was refused before its team was determined has none.
pub(super) async fn add<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let status = response.request().extensions().get::<RateLimitStatus>().copied();
    if let Some(RateLimitStatus { limit, remaining, reset, .. }) = status {
        let headers = response.headers_mut();
        let mut insert = |name, value| drop(headers.insert(HeaderName::from_static(name), value));
        insert("x-ratelimit-limit", HeaderValue::from(limit));
        insert("x-ratelimit-remaining", HeaderValue::from(remaining));
        insert("x-ratelimit-reset", HeaderValue::from(reset));
    }
    Ok(response)
}
