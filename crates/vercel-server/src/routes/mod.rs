//! The routes. This file is the table; each group of routes has a file of its own.

mod commands;
mod error;
mod files;
mod fit;
mod rate_limit_headers;
mod request;
mod response;
mod sandboxes;
mod sessions;
mod snapshots;
mod track;
mod unsupported;

use actix_web::http::{Method, header};
use actix_web::middleware::{Compat, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard};
use workers_web::track;

pub(crate) use request::Params;
pub(crate) use track::Hooks;

use crate::error::{ApiError, ErrorCode};
use request::MAX_JSON_BYTES;

/// Adds all routes, below `/api`.
pub(crate) fn configure(config: &mut ServiceConfig, hooks: Hooks) {
    let scope = web::scope("/api")
        .app_data(web::PayloadConfig::new(MAX_JSON_BYTES))
        .service(resource("/v3/sandboxes", [web::post().to(sandboxes::create)]))
        .service(resource("/v2/sandboxes", [web::post().to(sandboxes::create), get().to(sandboxes::list)]))
        // These come before `{name}`, which would match them too.
        .configure(sessions)
        .configure(snapshots)
        .service(resource("/v2/sandboxes/drives", [web::route().to(unsupported::drives)]))
        .service(resource("/v2/sandboxes/drives/{rest:.*}", [web::route().to(unsupported::drives)]))
        .service(resource(
            "/v2/sandboxes/{name}",
            [get().to(sandboxes::get), web::patch().to(sandboxes::update), web::delete().to(sandboxes::delete)],
        ))
        .service(resource("/v2/sandboxes/{name}/fork", [web::post().to(sandboxes::fork)]))
        .default_service(web::to(not_found))
        // The last one is the outermost: `track` sees the responses of all others.
        .wrap(from_fn(rate_limit_headers::add))
        .wrap(Compat::new(from_fn(fit::fit)))
        .wrap(Compat::new(from_fn(move |request, next| track(hooks.clone(), request, next))));
    config.service(scope);
}

/// Handles requests outside of `/api`, on a server that serves nothing else. Proxies use `OPTIONS /` or `OPTIONS *` to
/// check whether the server is up.
pub(crate) async fn outside(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if request.method() == Method::OPTIONS && ["/", "*"].contains(&request.path()) {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, "OPTIONS")).finish());
    }
    not_found(request).await
}

/// Creates a route for GET and for HEAD, which gets the same response without the body.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn sessions(config: &mut ServiceConfig) {
    const SESSION: &str = "/v2/sandboxes/sessions/{session}";
    let at = |rest: &str| format!("{SESSION}{rest}");
    config
        .service(resource("/v2/sandboxes/sessions", [get().to(sessions::list)]))
        .service(resource(SESSION, [get().to(sessions::get)]))
        .service(resource(&at("/stop"), [web::post().to(sessions::stop)]))
        .service(resource(&at("/extend-timeout"), [web::post().to(sessions::extend)]))
        .service(resource(&at("/network-policy"), [web::post().to(sessions::set_network)]))
        .service(resource(&at("/snapshot"), [web::post().to(sessions::snapshot)]))
        .service(resource(&at("/interactive"), [web::route().to(unsupported::interactive)]))
        .service(resource(&at("/cmd"), [web::post().to(commands::run), get().to(commands::list)]))
        .service(resource(&at("/cmd/{command}"), [get().to(commands::get)]))
        .service(resource(&at("/cmd/{command}/kill"), [web::post().to(commands::kill)]))
        .service(resource(&at("/cmd/{command}/logs"), [get().to(commands::logs)]))
        .service(resource(&at("/cmd/{command}/stdin"), [web::route().to(unsupported::stdin)]))
        .service(resource(&at("/fs/write"), [web::post().to(files::write)]))
        .service(resource(&at("/fs/read"), [web::post().to(files::read)]))
        .service(resource(&at("/fs/mkdir"), [web::post().to(files::make_directory)]));
}

fn snapshots(config: &mut ServiceConfig) {
    config
        .service(resource("/v2/sandboxes/snapshots", [get().to(snapshots::list)]))
        .service(resource("/v2/sandboxes/snapshots/tree", [get().to(snapshots::tree)]))
        .service(resource(
            "/v2/sandboxes/snapshots/{snapshot}",
            [get().to(snapshots::get), web::delete().to(snapshots::delete)],
        ));
}

fn resource<const N: usize>(path: &str, routes: [Route; N]) -> Resource {
    routes.into_iter().fold(web::resource(path), Resource::route).default_service(web::to(method_not_allowed))
}

async fn not_found(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    // The path comes from the client, so it is cut and has no control characters.
    let path: String = request.path().chars().filter(|symbol| !symbol.is_control()).take(100).collect();
    Err(ApiError::new(ErrorCode::NotFound, format!("There is no route {path}.")))
}

async fn method_not_allowed(request: HttpRequest) -> Result<&'static str, ApiError> {
    let message = format!("{} is not allowed here.", request.method());
    Err(ApiError::new(ErrorCode::MethodNotAllowed, message))
}
