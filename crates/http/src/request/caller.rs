//! Passes the authenticated caller to handlers.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use workers_domain::access::CallContext;

use crate::error::ApiError;

/// The call context of a request, as determined by the middleware that admitted it.
pub(crate) struct Caller(pub(crate) CallContext);

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let call = request.extensions().get::<CallContext>().cloned();
        ready(call.map(Self).ok_or_else(|| ApiError::internal("a route is served to callers that were not admitted")))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[actix_web::test]
    async fn a_route_without_the_middleware_that_admits_answers_nothing() {
        let request = TestRequest::default().to_http_request();
        let refused = Caller::extract(&request).await;
        assert_eq!(refused.err().unwrap().code(), crate::ErrorCode::Internal);
    }
}
