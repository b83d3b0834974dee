//! The web console: a page and its files, beside the API that it uses.
//!
//! They contain no data, so they need no token: the page asks its user for one. All URLs in them are relative, and the
//! page stores its state in the part of the URL after the `#`, so that it works below any path.

mod branding;
mod files;
mod page;

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

pub use self::branding::{Branding, InvalidBrandingError, Logo};
use crate::Api;
use crate::error::ApiError;
use crate::methods::get;
use crate::unmatched::{method_not_allowed, no_route};

/// Mounts the console.
pub(crate) fn routes(api: &Api, branding: &Branding, config: &mut ServiceConfig) {
    let resource = |path: &str| {
        web::resource(path)
            .default_service(method_not_allowed("GET, HEAD"))
            .wrap(from_fn(api.receiving()))
            .wrap(from_fn(api.tracking()))
    };
    config
        .app_data(web::Data::new(branding.clone()))
        .service(resource("/").route(get().to(page::handle)))
        // Below a path chosen by the embedding application, `/platform` and `/platform/` are different URLs. At the
        // root there is only one.
        .service(resource("").route(get().to(to_folder)))
        .service(resource("/assets/{file}").route(get().to(files::asset)))
        .service(resource("/branding/logo").route(get().to(files::logo)));
    // A route for each file. A pattern would also take over other paths of an application that mounts the console.
    for file in workers_console::assets().iter().filter(|file| !file.immutable) {
        let handler = move |request: HttpRequest| async move { files::respond(&request, file) };
        config.service(resource(&format!("/{}", file.path)).route(get().to(handler)));
    }
}

/// Redirects a browser from `…/platform` to `…/platform/`, which the relative URLs of the page are based on.
async fn to_folder(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    // A request target may contain a host in place of a path.
    if !request.path().starts_with('/') {
        return Err(no_route(&request));
    }
    let last = request.path().rsplit('/').next().unwrap_or_default();
    Ok(HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, format!("./{last}/")))
        // Browsers keep a 308 by default, also when the application has moved our routes since.
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish())
}
