//! The ways in which this server authenticates requests.

mod embedder;
mod loopback;
mod token;

use std::sync::Arc;

use actix_web::http::Uri;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::http::uri::Authority;
use workers_domain::access::{Authenticator, Headers, RequestHead};

use self::embedder::EmbedderAuthenticator;
use self::loopback::LoopbackAuthenticator;
pub(crate) use self::loopback::check_host;
use self::token::TokenAuthenticator;
use crate::{Access, HttpOptions};

/// Returns the authenticator that the options select.
pub(crate) fn authenticator(options: &HttpOptions) -> Arc<dyn Authenticator> {
    match &options.access {
        Access::Loopback => Arc::new(LoopbackAuthenticator::new(options.cors_origins.clone())),
        Access::Token(token) => Arc::new(TokenAuthenticator::new(token.clone())),
        Access::Embedded => Arc::new(EmbedderAuthenticator),
        Access::Custom(authenticator) => Arc::clone(authenticator),
    }
}

/// Headers in the form that authenticators read.
pub(crate) struct ReadHeaders<'a>(pub(crate) &'a HeaderMap);

impl Headers for ReadHeaders<'_> {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        self.0.get_all(name).map(HeaderValue::as_bytes).collect()
    }
}

/// Returns the head of a request, without its connection.
pub(crate) fn head_of<'a>(headers: &'a ReadHeaders<'a>, uri: &'a Uri) -> RequestHead<'a> {
    RequestHead { headers, authority: uri.authority().map(Authority::as_str), peer: None }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    /// Returns headers for the tests of authenticators.
    pub(super) fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }
}
