//! Lets only those in who may use the API, and says to the handlers who that is.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use workers_domain::access::{AuthenticationError, CallContext, RequestHead, RequestId};

use crate::authenticate::{ReadHeaders, check_host, head_of};
use crate::error::ApiError;
use crate::{Access, Api};

/// Around every handler that is not a health check.
pub(crate) async fn admit(
    api: Api,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match call_of(&api, &request).await {
        Ok(call) => {
            request.extensions_mut().insert(call);
            next.call(request).await
        }
        Err(error) => Ok(request.error_response(error)),
    }
}

/// Who calls, and with which request.
async fn call_of(api: &Api, request: &ServiceRequest) -> Result<CallContext, ApiError> {
    let headers = ReadHeaders(request.headers());
    let peer = request.peer_addr().map(|address| address.ip());
    let head = RequestHead { peer, ..head_of(&headers, request.uri()) };
    let identity = api.authenticator.authenticate(&head).await?;
    let request_id = request.extensions().get::<RequestId>().cloned();
    let request_id = request_id.ok_or_else(|| ApiError::internal("a request has no id"))?;
    Ok(CallContext::new(identity.principal, identity.tenant, request_id))
}

/// Around the console's files, which hold no data: anybody may load them, and a link of another site may lead to them.
/// Only where loopback is all that protects us, a page of another site must not pass our page off as its own by a name
/// that it had resolve to this machine.
pub(crate) async fn receive(
    api: Api,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let verdict = match &api.options.access {
        Access::Loopback => check_name(&request),
        Access::Token(_) | Access::Embedded | Access::Custom(_) => Ok(()),
    };
    match verdict {
        Ok(()) => next.call(request).await,
        Err(error) => Ok(request.error_response(ApiError::from(error))),
    }
}

fn check_name(request: &ServiceRequest) -> Result<(), AuthenticationError> {
    check_host(&head_of(&ReadHeaders(request.headers()), request.uri())).map(drop)
}
