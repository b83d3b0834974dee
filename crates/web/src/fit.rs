//! Fits an answer whose length is not known to its request.

use std::convert::Infallible;

use actix_web::body::{BodySize, BodyStream, BoxBody, MessageBody as _};
use actix_web::dev::ServiceResponse;
use actix_web::http::{ConnectionType, Method, Version};
use actix_web::web::Bytes;
use futures_util::stream;

/// Ends the body at once where only the head was asked for: an event stream or a log might go on for ever. For a client
/// of HTTP/1.0, which knows no chunks, has the connection end it.
#[must_use]
pub fn fit(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if response.response().body().size() != BodySize::Stream {
        return response;
    }
    let (is_head, version) = (response.request().method() == Method::HEAD, response.request().version());
    let mut response = if is_head { response.map_body(|_, _| nothing()) } else { response };
    if version < Version::HTTP_11 {
        let head = response.response_mut().head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
    response
}

/// A body that is a stream still, so that the head is the same as for GET.
fn nothing() -> BoxBody {
    BoxBody::new(BodyStream::new(stream::empty::<Result<Bytes, Infallible>>()))
}
