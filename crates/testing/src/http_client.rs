//! An HTTP client for tests.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};

/// Returns a client for servers on this host. It ignores proxies and trusts no certificates. It sets TLS explicitly
/// although it does not use it: in a workspace where another crate has chosen the TLS backend of `reqwest`, a client
/// does not work without that.
///
/// # Panics
///
/// When the client cannot be made.
#[must_use]
pub fn http_client() -> reqwest::Client {
    let tls = ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let tls = tls.expect("the usual versions").with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().expect("a client")
}
