//! Our routes, ready to be mounted.

use std::ops::Deref;
use std::sync::Arc;

use actix_cors::Cors;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::{Compat, Compress, Condition, Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, guard};
use futures_util::future::LocalBoxFuture;
use workers_domain::Origin;
use workers_service::Platform;

use crate::lifecycle::StopHandle;
use crate::middleware::{admit, receive, track};
use crate::request::RequestId;
use crate::system::{healthz, limits, metrics, openapi, readyz, setup};
use crate::unmatched::{method_not_allowed, not_found};
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
    pub(crate) metrics: Metrics,
    pub(crate) stop: StopHandle,
}

impl Deref for Api {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Api {
    /// An API over a platform. For its invocations to be counted, the platform must have been given a clone of `metrics` as its
    /// observer.
    #[must_use]
    pub fn new(platform: Platform, options: HttpOptions, metrics: Metrics) -> Self {
        Self(Arc::new(State { platform, options, metrics, stop: StopHandle::new() }))
    }

    /// Asks the application that serves this API to stop.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Mounts `/api/…`, `/healthz`, `/readyz` and `/metrics`, for [`App::configure`](actix_web::App::configure); and the console, as `/`
    /// and what it loads, if [`HttpOptions::console`] says so. In a scope all of it lies below the scope's path.
    ///
    /// A server other than our [`Application`](crate::Application) should be built with `.h1_allow_half_closed(false)`: only then
    /// does it notice that a client has gone away, and cancel what that client was waiting for, while nothing is being sent.
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
                        .route(web::route().guard(get_or_head()).to(healthz::handle))
                        .default_service(method_not_allowed("GET, HEAD"))
                        .wrap(from_fn(api.tracking())),
                )
                .service(
                    web::resource("/readyz")
                        .route(web::route().guard(get_or_head()).to(readyz::handle))
                        .default_service(method_not_allowed("GET, HEAD"))
                        .wrap(from_fn(api.tracking())),
                )
                .service(
                    web::resource("/metrics")
                        .get(metrics::handle)
                        .default_service(method_not_allowed("GET"))
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

    /// The middleware that lets only those in who may use the API.
    fn admitting(&self) -> impl Fn(ServiceRequest, Next<BoxBody>) -> Answering + Clone + use<> {
        let api = self.clone();
        move |request, next| Box::pin(admit(api.clone(), request, next))
    }

    /// The middleware that keeps only those out who have no business to load the console's files.
    pub(crate) fn receiving(&self) -> impl Fn(ServiceRequest, Next<BoxBody>) -> Answering + Clone + use<> {
        let api = self.clone();
        move |request, next| Box::pin(receive(api.clone(), request, next))
    }

    fn cors(&self) -> Cors {
        let cors = Cors::default()
            .allowed_methods([Method::GET, Method::POST, Method::DELETE])
            .allowed_headers([header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE, RequestId::HEADER])
            .expose_headers(["x-request-id", "x-invocation-id", "server-timing", "retry-after", "location"])
            .max_age(PREFLIGHT_SECONDS);
        if self.options.cors_origins.iter().any(|origin| origin == "*") {
            return cors.allow_any_origin();
        }
        self.options.cors_origins.iter().fold(cors, |cors, origin| match origin.parse::<Origin>() {
            // As browsers write it.
            Ok(origin) => cors.allowed_origin(&origin.to_string()),
            Err(_) => cors.allowed_origin(origin),
        })
    }
}

type Answering = LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, Error>>;

pub(crate) fn get_or_head() -> impl guard::Guard {
    guard::Any(guard::Get()).or(guard::Head())
}

/// The route table, below `/api`.
fn api_routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/workers")
                .get(workers::list::handle)
                .post(workers::deploy::handle)
                .default_service(method_not_allowed("GET, POST")),
        )
        // Before the route of one worker, which would take the word for an id.
        .service(
            web::resource("/workers/events").get(workers::events::handle).default_service(method_not_allowed("GET")),
        )
        .service(
            web::resource("/workers/{id}")
                .get(workers::get::handle)
                .delete(workers::delete::handle)
                .default_service(method_not_allowed("GET, DELETE")),
        )
        .service(
            web::resource("/workers/{id}/source")
                .get(workers::source::handle)
                .default_service(method_not_allowed("GET")),
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
        .service(web::resource("/limits").get(limits::handle).default_service(method_not_allowed("GET")))
        .service(web::resource("/openapi.json").get(openapi::handle).default_service(method_not_allowed("GET")));
}
