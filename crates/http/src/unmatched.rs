//! Requests that no route takes.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, Route, web};

use crate::error::{ApiError, ErrorCode};

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
