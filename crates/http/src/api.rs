//! Our routes, ready to be mounted.

use std::ops::Deref;
use std::sync::Arc;

use actix_cors::Cors;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Compat, Compress, Condition, Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, Route, guard};
use futures_util::future::LocalBoxFuture;
use tokio::sync::Semaphore;
use workers_domain::AllowedOrigin;
use workers_domain::access::Authenticator;
use workers_service::Platform;
use workers_web::{StopHandle, track};

use crate::authenticate::authenticator;
use crate::middleware::{admit, hold, receive};
use crate::system::{healthz, limits, metrics, openapi, readyz, setup};
use crate::unmatched::{HEALTH_METHODS, method_not_allowed, not_found};
use crate::{HttpOptions, Metrics, console, invoke, workers};

/// How long a browser may remember what we answered to a preflight, in seconds.
const PREFLIGHT_SECONDS: usize = 3600;

/// The HTTP API over a [`Platform`]. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<State>);

/// What handlers need.
pub struct State {
    pub(crate) platform: Platform,
    pub(crate) options: HttpOptions,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) metrics: Metrics,
    pub(crate) stop: StopHandle,
    /// How many lists may still be put together.
    pub(crate) lists: Semaphore,
}

impl Deref for Api {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Api {
    /// An API over a platform. For its invocations to be counted, the platform must have been given a clone of
    /// `metrics` as its observer.
    #[must_use]
    pub fn new(platform: Platform, options: HttpOptions, metrics: Metrics) -> Self {
        // The other half of the cores is left to invocations, however many clients list.
        let lists = Semaphore::new((options.threads / 2).max(1));
        let authenticator = authenticator(&options);
        Self(Arc::new(State { platform, options, authenticator, metrics, stop: StopHandle::new(), lists }))
    }

    /// Asks the application that serves this API to stop.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Mounts `/api/…`, `/healthz`, `/readyz` and `/metrics`, for [`App::configure`](actix_web::App::configure); and
    /// the console, as `/` and what it loads, if [`HttpOptions::console`] says so. In a scope all of it lies below the
    /// scope's path.
    ///
    /// A server other than our [`Application`](crate::Application) should be built with `.h1_allow_half_closed(false)`:
    /// only then does it notice that a client has gone away, and cancel what that client was waiting for, while nothing
    /// is being sent.
    pub fn routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let api = self.clone();
        move |config| {
            let compress = || Compat::new(Compress::default());
            config
                .app_data(web::Data::new(api.clone()))
                .service(
                    web::scope("/api")
                        .configure(api_routes)
                        .default_service(web::to(not_found))
                        .wrap(from_fn(api.admitting()))
                        .wrap(compress())
                        .wrap(from_fn(api.tracking()))
                        .wrap(Condition::new(!api.options.cors_origins.is_empty(), api.cors())),
                )
                .service(
                    web::resource("/healthz")
                        .route(probe().to(healthz::handle))
                        .default_service(method_not_allowed(HEALTH_METHODS))
                        .wrap(from_fn(api.tracking())),
                )
                .service(
                    web::resource("/readyz")
                        .route(probe().to(readyz::handle))
                        .default_service(method_not_allowed(HEALTH_METHODS))
                        .wrap(from_fn(api.tracking())),
                )
                .service(
                    web::resource("/metrics")
                        .route(get().to(metrics::handle))
                        .default_service(method_not_allowed("GET, HEAD"))
                        .wrap(from_fn(api.admitting()))
                        .wrap(compress())
                        .wrap(from_fn(api.tracking())),
                );
            if let Some(branding) = &api.options.console {
                console::routes(&api, branding, config);
            }
        }
    }

    /// The middleware that gives a request its id, logs, counts, and words its errors.
    pub(crate) fn tracking(&self) -> impl Fn(ServiceRequest, Next<BoxBody>) -> Answering + Clone + use<> {
        let api = self.clone();
        move |request, next| Box::pin(track(api.clone(), request, next))
    }

    /// The middleware that lets only those in who may use the API, and counts what they do not read.
    fn admitting(&self) -> impl Fn(ServiceRequest, Next<BoxBody>) -> Answering + Clone + use<> {
        let api = self.clone();
        move |request, next| {
            let api = api.clone();
            Box::pin(async move { Ok(hold(&api, admit(api.clone(), request, next).await?)) })
        }
    }

    /// The middleware that keeps only those out who have no business to load the console's files.
    pub(crate) fn receiving(&self) -> impl Fn(ServiceRequest, Next<BoxBody>) -> Answering + Clone + use<> {
        let api = self.clone();
        move |request, next| Box::pin(receive(api.clone(), request, next))
    }

    fn cors(&self) -> Cors {
        let cors = Cors::default()
            .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
            // Tracing libraries add their own. What a header does is decided where it is read, not by its name.
            .allow_any_header()
            .expose_headers(["x-request-id", "x-invocation-id", "server-timing", "retry-after", "location", "link"])
            .max_age(PREFLIGHT_SECONDS);
        let origins = self.options.cors_origins.clone();
        if origins.contains(&AllowedOrigin::Any) {
            return cors.allow_any_origin();
        }
        cors.allowed_origin_fn(move |origin, _| {
            origin.to_str().is_ok_and(|page| origins.iter().any(|allowed| allowed.permits(page)))
        })
    }
}

type Answering = LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, Error>>;

/// What GET answers, HEAD answers without the body.
pub(crate) fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Of what may be asked for health: haproxy asks with OPTIONS unless it is configured otherwise.
fn probe() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()).or(guard::Options()))
}

/// The route table, below `/api`.
fn api_routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/workers")
                .route(get().to(workers::list::handle))
                .post(workers::deploy::handle)
                .default_service(method_not_allowed("GET, HEAD, POST")),
        )
        // Before the route of one worker, which would take the word for an id.
        .service(
            web::resource("/workers/events")
                .route(get().to(workers::events::handle))
                .default_service(method_not_allowed("GET, HEAD")),
        )
        .service(
            web::resource("/workers/{id}")
                .route(get().to(workers::get::handle))
                .delete(workers::delete::handle)
                .default_service(method_not_allowed("GET, HEAD, DELETE")),
        )
        .service(
            web::resource("/workers/{id}/source")
                .route(get().to(workers::source::handle))
                .default_service(method_not_allowed("GET, HEAD")),
        )
        .service(
            web::resource("/workers/{id}/redeploy")
                .post(workers::redeploy::handle)
                .default_service(method_not_allowed("POST")),
        )
        .service(
            web::resource("/workers/{id}/invoke/{function}")
                .post(invoke::stream::handle)
                .default_service(method_not_allowed("POST")),
        )
        .service(
            web::resource("/workers/{id}/functions/{function}")
                .post(invoke::batch::handle)
                .default_service(method_not_allowed("POST")),
        )
        .service(web::resource("/setup").post(setup::handle).default_service(method_not_allowed("POST")))
        .service(
            web::resource("/limits").route(get().to(limits::handle)).default_service(method_not_allowed("GET, HEAD")),
        )
        .service(
            web::resource("/openapi.json")
                .route(get().to(openapi::handle))
                .default_service(method_not_allowed("GET, HEAD")),
        );
}
