//! The middleware of an API, as the routes are wrapped in it.

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use futures_util::future::LocalBoxFuture;
use workers_web::track;

use super::admit::{admit, receive};
use super::reserve_memory::reserve_memory;
use crate::Api;

type Answering = LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, Error>>;

impl Api {
    /// Returns the middleware that assigns a request id, logs, counts, and formats errors.
    pub(crate) fn tracking(&self) -> impl Fn(ServiceRequest, Next<BoxBody>) -> Answering + Clone + use<> {
        let api = self.clone();
        move |request, next| Box::pin(track(api.clone(), request, next))
    }

    /// Returns the middleware that admits only authenticated callers, and counts responses that are not read yet.
    pub(crate) fn admitting(&self) -> impl Fn(ServiceRequest, Next<BoxBody>) -> Answering + Clone + use<> {
        let api = self.clone();
        move |request, next| {
            let api = api.clone();
            Box::pin(async move { Ok(reserve_memory(&api, admit(api.clone(), request, next).await?)) })
        }
    }

    /// Returns the middleware for the console's files, which refuses only requests that should not load them.
    pub(crate) fn receiving(&self) -> impl Fn(ServiceRequest, Next<BoxBody>) -> Answering + Clone + use<> {
        let api = self.clone();
        move |request, next| Box::pin(receive(api.clone(), request, next))
    }
}
