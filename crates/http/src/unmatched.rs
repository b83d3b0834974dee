//! Requests that no route takes.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Route, guard, web};

use crate::error::{ApiError, ErrorCode};

/// What may be sent to ask whether the server is there.
pub(crate) const HEALTH_METHODS: &str = "GET, HEAD, OPTIONS";
/// What the server as a whole knows.
const ALL_METHODS: &str = "GET, HEAD, POST, DELETE, OPTIONS";

/// `OPTIONS /`: proxies ask it to learn whether the server is there, haproxy with `option httpchk`.
pub(crate) fn root_options(config: &mut web::ServiceConfig) {
    config.service(web::resource("/").guard(guard::Options()).to(|| async { options(HEALTH_METHODS) }));
}

/// Answers `OPTIONS *`, which is about the server and no path, and everything else with 404.
pub(crate) async fn no_path(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if request.method() == Method::OPTIONS && request.path() == "*" {
        return Ok(options(ALL_METHODS));
    }
    Err(no_route(&request))
}

fn options(methods: &'static str) -> HttpResponse {
    HttpResponse::NoContent().insert_header((header::ALLOW, HeaderValue::from_static(methods))).finish()
}

/// Answers 404.
pub(crate) async fn not_found(request: HttpRequest) -> Result<&'static str, ApiError> {
    Err(no_route(&request))
}

/// That there is nothing at the request's path.
pub(crate) fn no_route(request: &HttpRequest) -> ApiError {
    let path: String = request.path().chars().filter(|symbol| !symbol.is_control()).take(100).collect();
    ApiError::new(ErrorCode::NotFound, format!("there is no route {path}"))
}

/// Answers 405 with the methods that there are.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Route {
    web::to(move |request: HttpRequest| async move {
        let message = format!("{} is not allowed here, but {allowed}", request.method());
        Err::<&'static str, _>(
            ApiError::new(ErrorCode::MethodNotAllowed, message)
                .header(header::ALLOW, HeaderValue::from_static(allowed)),
        )
    })
}
