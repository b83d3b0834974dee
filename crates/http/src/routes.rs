//! The routes of the API, ready to be mounted.

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::middleware::{Compat, Compress, Condition, from_fn};
use actix_web::web::{self, ServiceConfig};
use workers_domain::AllowedOrigin;

use crate::methods::{get, probe};
use crate::system::{healthz, limits, metrics, openapi, readyz, setup};
use crate::unmatched::{HEALTH_METHODS, method_not_allowed, not_found};
use crate::{Api, console, invoke, workers};

/// How long a browser may cache our response to a preflight request, in seconds.
const PREFLIGHT_SECONDS: usize = 3600;

impl Api {
    /// Mounts `/api/…`, `/healthz`, `/readyz` and `/metrics`, for [`App::configure`](actix_web::App::configure). Also
    /// mounts the console (`/` and the files it loads) if [`HttpOptions::console`](crate::HttpOptions::console) is set.
    /// Within a scope, all of these are below the scope's path.
    ///
    /// A server other than our [`Application`](crate::Application) should be built with `.h1_allow_half_closed(false)`.
    /// Otherwise it does not notice that a client has disconnected while nothing is being sent, and cannot cancel the
    /// client's work.
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
                        // The last `wrap` is the outermost one. CORS is outside of admission, so that a preflight needs
                        // no token, and outside of tracking, so that a page of an allowed origin can read errors too.
                        .wrap(from_fn(api.admitting()))
                        .wrap(compress())
                        .wrap(from_fn(api.tracking()))
                        .wrap(Condition::new(!api.options.cors_origins.is_empty(), api.cors())),
                )
                .service(
                    // Not admitted, like `/readyz`: probes have no token, and address the server by any name.
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

    fn cors(&self) -> Cors {
        let cors = Cors::default()
            .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
            // Any header is allowed, because tracing libraries add their own. Each header is validated where it is
            // read.
            .allow_any_header()
            // A script of another origin can read no other header but the few that CORS always shows.
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

/// Adds the routes below `/api`.
fn api_routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/workers")
                .route(get().to(workers::list::handle))
                .post(workers::deploy::handle)
                .default_service(method_not_allowed("GET, HEAD, POST")),
        )
        // Must come before the route of a single worker, which would take `events` for an id.
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
                .post(invoke::watch::handle)
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
