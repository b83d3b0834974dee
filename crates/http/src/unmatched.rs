//! Requests that match no route.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Route, guard, web};

use crate::error::{ApiError, ErrorCode};

/// The methods that health checks may use.
pub(crate) const HEALTH_METHODS: &str = "GET, HEAD, OPTIONS";
/// All methods that the server supports.
const ALL_METHODS: &str = "GET, HEAD, POST, DELETE, OPTIONS";

/// Handles `OPTIONS /`, which proxies send to check whether the server is running (haproxy with `option httpchk`).
pub(crate) fn root_options(config: &mut web::ServiceConfig) {
    // The guard leaves the other methods of `/` to the console, or to `no_path` on a server without one.
    config.service(web::resource("/").guard(guard::Options()).to(|| async { options(HEALTH_METHODS) }));
}

/// Responds to `OPTIONS *`, which concerns the server and no path, and to everything else with 404.
pub(crate) async fn no_path(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if request.method() == Method::OPTIONS && request.path() == "*" {
        return Ok(options(ALL_METHODS));
    }
    Err(no_route(&request))
}

fn options(methods: &'static str) -> HttpResponse {
    HttpResponse::NoContent().insert_header((header::ALLOW, HeaderValue::from_static(methods))).finish()
}

/// Responds with 404.
pub(crate) async fn not_found(request: HttpRequest) -> Result<&'static str, ApiError> {
    Err(no_route(&request))
}

/// Creates the error for a path that no route has.
pub(crate) fn no_route(request: &HttpRequest) -> ApiError {
    let path: String = request.path().chars().filter(|symbol| !symbol.is_control()).take(100).collect();
    ApiError::new(ErrorCode::NotFound, format!("there is no route {path}"))
}

/// Responds with 405 and the allowed methods.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Route {
    web::to(move |request: HttpRequest| async move {
        let message = format!("{} is not allowed here, but {allowed}", request.method());
        Err::<&'static str, _>(
            ApiError::new(ErrorCode::MethodNotAllowed, message)
                .header(header::ALLOW, HeaderValue::from_static(allowed)),
        )
    })
}
