//! Adds the rate limit headers of the team to each response.

use actix_web::Error;
use actix_web::HttpMessage as _;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;

use crate::registry::Standing;

/// Adds the headers that the hosted service has. A request that was refused before its team was determined has none.
pub(super) async fn tell<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let standing = response.request().extensions().get::<Standing>().copied();
    if let Some(Standing { limit, remaining, reset, .. }) = standing {
        let headers = response.headers_mut();
        let mut add = |name, value| drop(headers.insert(HeaderName::from_static(name), value));
        add("x-ratelimit-limit", HeaderValue::from(limit));
        add("x-ratelimit-remaining", HeaderValue::from(remaining));
        add("x-ratelimit-reset", HeaderValue::from(reset));
    }
    Ok(response)
}
