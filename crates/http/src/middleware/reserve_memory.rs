//! Middleware that counts the bytes of a response until they are sent.

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::dev::ServiceResponse;

use crate::Api;
use crate::error::too_much_unread;
use crate::pieces::Pieces;

/// Takes memory from the budget for a body that is complete. Without it the response is not sent, which does no harm:
/// responses that are large enough to be counted come from reads, which can be repeated. A body that has already taken
/// its memory, such as the outcome of an invocation, passes unchanged.
pub(crate) fn reserve_memory(api: &Api, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let bytes = match body.try_into_bytes() {
        Ok(bytes) => bytes,
        Err(body) => return ServiceResponse::new(request, response.set_body(body)),
    };
    // The account `None` is that of all responses that are no results. Its share leaves a quarter of the budget to
    // results.
    match api.platform.unread_budget().try_acquire(None, bytes.len()) {
        Some(permit) => ServiceResponse::new(request, response.set_body(BoxBody::new(Pieces::new(bytes, permit)))),
        None => ServiceResponse::from_err(too_much_unread(), request),
    }
}
