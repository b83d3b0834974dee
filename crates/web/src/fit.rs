//! Adapts a response of unknown length to its request.

use std::convert::Infallible;

use actix_web::body::{BodySize, BodyStream, BoxBody, MessageBody as _};
use actix_web::dev::ServiceResponse;
use actix_web::http::{ConnectionType, Method, Version};
use actix_web::web::Bytes;
use futures_util::stream;

/// Replaces the body with an empty one for a HEAD request: an event stream or a log might never end. For an HTTP/1.0
/// client, which does not support chunked encoding, closes the connection after the response.
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

/// Returns an empty body that is still a stream, so that the response head is the same as for GET.
fn nothing() -> BoxBody {
    BoxBody::new(BodyStream::new(stream::empty::<Result<Bytes, Infallible>>()))
}
