//! Adapts a streaming response, whose length is unknown, to its request.

use std::convert::Infallible;

use actix_web::Error;
use actix_web::body::{BodySize, BodyStream, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method, Version};
use actix_web::middleware::Next;
use bytes::Bytes;
use futures_util::stream;

/// Drops the body of a response to HEAD, because the log of a command goes on as long as the command. For HTTP/1.0,
/// which has no chunked encoding, marks the end of the body by closing the connection.
pub(super) async fn fit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (is_head, version) = (request.method() == Method::HEAD, request.version());
    let response = next.call(request).await?.map_into_boxed_body();
    // A body of known length needs no change: actix-web sends its length, and omits it for HEAD.
    if response.response().body().size() != BodySize::Stream {
        return Ok(response);
    }
    let mut response = if is_head { response.map_body(|_, _| nothing()) } else { response };
    if version < Version::HTTP_11 {
        let head = response.response_mut().head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Returns an empty body that is still a stream, so that the head is the same as for GET.
fn nothing() -> BoxBody {
    BoxBody::new(BodyStream::new(stream::empty::<Result<Bytes, Infallible>>()))
}
