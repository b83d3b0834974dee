//! `GET /`: the page.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use actix_web::{HttpResponse, web};
use uuid::Uuid;

use super::Branding;

/// The security headers of the page, besides the content policy.
const HEADERS: [(HeaderName, &str); 6] = [
    // The nonce is valid for one response, so it must not be cached.
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()",
    ),
    // For browsers that do not support `frame-ancestors`.
    (X_FRAME_OPTIONS, "DENY"),
];

pub(super) async fn handle(branding: web::Data<Branding>) -> HttpResponse {
    // 122 random bits: markup that gets into the page from elsewhere cannot contain a nonce that it has to guess.
    let nonce = Uuid::new_v4().simple().to_string();
    let mut response = HttpResponse::Ok();
    for (name, value) in HEADERS {
        response.insert_header((name, HeaderValue::from_static(value)));
    }
    response
        .insert_header((CONTENT_SECURITY_POLICY, policy(&nonce)))
        .content_type("text/html; charset=utf-8")
        .body(workers_console::page(branding.name(), branding.accent(), &nonce))
}

/// Returns the content policy: only our own files, no inline scripts, no conversion of text to markup, no embedding in
/// a frame.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
}
