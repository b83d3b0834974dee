//! The files that the page loads.

use actix_web::http::header::{
    AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ContentEncoding, ETAG, Encoding,
    EntityTag, Header as _, HeaderName, IfNoneMatch, VARY,
};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use workers_console::Asset;

use super::Branding;
use crate::error::ApiError;
use crate::unmatched::no_route;

/// Prevents pages of other sites from showing or reading the files.
const SAME_ORIGIN: (HeaderName, &str) = (HeaderName::from_static("cross-origin-resource-policy"), "same-origin");

/// `GET /assets/{file}`: build output whose names contain a hash of the content.
pub(super) async fn asset(request: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let asset = workers_console::asset(&format!("assets/{file}")).ok_or_else(|| no_route(&request))?;
    Ok(respond(&request, asset))
}

/// Returns a built file, in the content coding that the browser prefers.
pub(super) fn respond(request: &HttpRequest, asset: &'static Asset) -> HttpResponse {
    let mut response = if is_known(request, asset.etag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    let lifetime = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.insert_header((CACHE_CONTROL, lifetime)).insert_header((ETAG, asset.etag)).insert_header(SAME_ORIGIN);
    let (coding, bytes) = negotiate(request, asset);
    // With the plain form too: a cache must not give a coded copy to a client that cannot read it, or the reverse.
    if asset.brotli.is_some() || asset.gzip.is_some() {
        response.insert_header((VARY, "accept-encoding"));
    }
    if coding != ContentEncoding::Identity {
        response.insert_header((CONTENT_ENCODING, coding));
    }
    finish(response, asset.content_type, Bytes::from_static(bytes))
}

/// `GET /branding/logo`.
pub(super) async fn logo(request: HttpRequest, branding: web::Data<Branding>) -> HttpResponse {
    let logo = branding.logo();
    let mut response = if is_known(&request, logo.etag()) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, logo.etag()))
        .insert_header(SAME_ORIGIN)
        // An SVG opened directly is a document and could contain scripts.
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"));
    finish(response, logo.content_type(), logo.bytes())
}

/// Finishes a response. The body is left out if the browser already has it.
fn finish(mut response: HttpResponseBuilder, content_type: &'static str, bytes: Bytes) -> HttpResponse {
    let response = response.content_type(content_type).body(bytes);
    if response.status().is_success() { response } else { response.drop_body().map_into_boxed_body() }
}

fn negotiate(request: &HttpRequest, asset: &'static Asset) -> (ContentEncoding, &'static [u8]) {
    let mut there = vec![Encoding::identity()];
    there.extend(asset.brotli.map(|_| Encoding::brotli()));
    there.extend(asset.gzip.map(|_| Encoding::gzip()));
    let liked = AcceptEncoding::parse(request).ok().and_then(|accepted| accepted.negotiate(there.iter()));
    match (liked, asset.brotli, asset.gzip) {
        (Some(Encoding::Known(ContentEncoding::Brotli)), Some(bytes), _) => (ContentEncoding::Brotli, bytes),
        (Some(Encoding::Known(ContentEncoding::Gzip)), _, Some(bytes)) => (ContentEncoding::Gzip, bytes),
        _ => (ContentEncoding::Identity, asset.bytes),
    }
}

/// Returns whether the browser already has this content.
fn is_known(request: &HttpRequest, etag: &str) -> bool {
    let ours = etag.parse::<EntityTag>();
    match (IfNoneMatch::parse(request), ours) {
        (Ok(IfNoneMatch::Any), _) => true,
        // Weak, because all codings of a file have one tag (RFC 9110, section 13.1.2, asks for this comparison too).
        (Ok(IfNoneMatch::Items(tags)), Ok(ours)) => tags.iter().any(|tag| tag.weak_eq(&ours)),
        _ => false,
    }
}
