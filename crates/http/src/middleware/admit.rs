//! Middleware that authenticates requests, and stores the caller for the handlers.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use workers_domain::access::{AuthenticationError, CallContext, RequestHead, RequestId};

use crate::authenticate::{ReadHeaders, check_host, head_of};
use crate::error::ApiError;
use crate::{Access, Api};

/// Admits authenticated requests. Surrounds every handler except health checks.
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
        // A response and no `Err`: an `Err` would pass `track` without a request id, a log line and a count.
        Err(error) => Ok(request.error_response(error)),
    }
}

/// Authenticates a request and returns its call context.
async fn call_of(api: &Api, request: &ServiceRequest) -> Result<CallContext, ApiError> {
    let headers = ReadHeaders(request.headers());
    let peer = request.peer_addr().map(|address| address.ip());
    let head = RequestHead { peer, ..head_of(&headers, request.uri()) };
    let identity = api.authenticator.authenticate(&head).await?;
    let request_id = request.extensions().get::<RequestId>().cloned();
    let request_id = request_id.ok_or_else(|| ApiError::internal("a request has no id"))?;
    Ok(CallContext::new(identity.principal, identity.tenant, request_id))
}

/// Admits requests for the console's files. They contain no data, so any client may load them, and other sites may link
/// to them. There is one exception, if loopback is the only protection: the page of another site could make its own
/// name resolve to this host, and pretend that our page is its own. So only loopback names are accepted then.
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
        // A response and no `Err`, as in `admit`.
        Err(error) => Ok(request.error_response(ApiError::from(error))),
    }
}

fn check_name(request: &ServiceRequest) -> Result<(), AuthenticationError> {
    check_host(&head_of(&ReadHeaders(request.headers()), request.uri())).map(drop)
}
