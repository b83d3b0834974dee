//! Routes for the methods that only read.

use actix_web::{Route, guard, web};

/// Returns a route for GET and HEAD. HEAD responses have no body.
pub(crate) fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Returns a route for health checks. It includes OPTIONS, which haproxy sends by default.
pub(crate) fn probe() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()).or(guard::Options()))
}
