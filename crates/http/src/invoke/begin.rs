//! The beginning of an invocation, used by the batch response and the event stream.

use std::pin::pin;

use actix_web::HttpRequest;
use actix_web::web::Payload;
use futures_util::future::{Either, select};
use workers_domain::access::{Action, CallContext, Resource};
use workers_service::Invocation;

use crate::Api;
use crate::error::{ApiError, ErrorCode, shutting_down};
use crate::request::{Limit, read_body};
use crate::workers::parse_id;

/// Reads the payload, then waits until the invocation has a permit.
pub(super) async fn begin(
    api: &Api,
    call: &CallContext,
    request: &HttpRequest,
    id: &str,
    function: &str,
    payload: Payload,
) -> Result<Invocation, ApiError> {
    let id = parse_id(id)?;
    // This also checks the policy: a caller that may not invoke sends no payload in vain.
    let limits = api.platform.limits_of(call, Action::Invoke, Resource::Worker(id)).await?;
    let limit = Limit { bytes: limits.payload_bytes, code: ErrorCode::PayloadTooLarge };
    // The whole payload is read before the invocation takes a permit: a slow client must not hold one.
    let payload = read_body(request, payload, limit, api.options.body_timeout).await?;
    Ok(drain_or(api, api.platform.invocations().invoke(call, id, function, &payload)).await??)
}

/// Waits for the work, or until the shutdown cancels it.
pub(super) async fn drain_or<T>(api: &Api, work: impl Future<Output = T>) -> Result<T, ApiError> {
    match select(pin!(work), pin!(api.stop.cancelled())).await {
        Either::Left((done, _)) => Ok(done),
        // Returning drops the work, which cancels the invocation and kills its sandbox.
        Either::Right(((), _)) => Err(shutting_down()),
    }
}
