//! How a client is set up.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};
use workers_domain::ports::{Clock, SystemClock};

use super::{Client, Inner};
use crate::credentials::Credentials;
use crate::retry::RetryPolicy;
use crate::timeouts::Timeouts;

/// Where Vercel's API is.
const DEFAULT_BASE_URL: &str = "https://vercel.com/api";

const USER_AGENT: &str = concat!("workers-vercel/", env!("CARGO_PKG_VERSION"));

/// How often the system asks whether the other side of a silent connection is still there. A command may be silent for
/// as long as it runs, which is no reason to end its stream; a machine that is gone is.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Sets up a [`Client`].
#[derive(Clone)]
pub struct ClientBuilder {
    credentials: Credentials,
    base_url: String,
    timeouts: Timeouts,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
    roots: Option<Vec<u8>>,
}

/// Why a client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The base URL is none, or not of a web server.
    #[error("`{0}` is not a base URL such as https://vercel.com/api")]
    BaseUrl(String),
    /// There are no certificates to know servers by.
    #[error("there are no root certificates, without which the sandbox API cannot be told from an impostor")]
    NoRootCertificates,
    /// TLS cannot be set up.
    #[error("failed to set up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client cannot be set up.
    #[error("failed to set up the HTTP client")]
    Http(#[source] reqwest::Error),
}

impl ClientBuilder {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            base_url: DEFAULT_BASE_URL.to_owned(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            clock: Arc::new(SystemClock),
            roots: None,
        }
    }

    /// Another server that speaks the API, as `http://127.0.0.1:8787/api`. The token is sent in clear to an `http` one.
    #[must_use]
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// How long is waited for what.
    #[must_use]
    pub const fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How often and how long failed requests are tried again.
    #[must_use]
    pub const fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// What tells whether a token has ended.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Certificates that servers are known by, in PEM form, in place of the operating system's.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// When the base URL is none, or there are no root certificates for one with `https`.
    pub fn build(self) -> Result<Client, BuildError> {
        let Self { credentials, base_url, timeouts, retry, clock, roots } = self;
        let base_url = parse_base_url(&base_url)?;
        let mut http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls(&base_url, roots.as_deref())?)
            // Nothing of the API redirects, and the token is for nobody else.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(timeouts.connect)
            .tcp_keepalive(KEEP_ALIVE)
            // One stream a connection: readers that are slow on purpose would hold up each other on a shared one.
            .http1_only();
        if is_loopback(&base_url) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(BuildError::Http)?;
        Ok(Client { inner: Arc::new(Inner { http, base_url, credentials, timeouts, retry, clock }) })
    }
}

fn parse_base_url(text: &str) -> Result<Url, BuildError> {
    let not_one = || BuildError::BaseUrl(text.to_owned());
    let url = Url::parse(text).map_err(|_| not_one())?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let plain = url.query().is_none() && url.fragment().is_none() && !has_user;
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain { Ok(url) } else { Err(not_one()) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// TLS with the cryptography of the rest of the platform.
fn tls(base_url: &Url, roots: Option<&[u8]>) -> Result<ClientConfig, BuildError> {
    let mut store = RootCertStore::empty();
    if base_url.scheme() == "https" {
        let certificates = match roots {
            Some(pem) => CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect(),
            None => rustls_native_certs::load_native_certs().certs,
        };
        // Some machines have a few that no one can read among many that are fine.
        store.add_parsable_certificates(certificates);
        if store.is_empty() {
            return Err(BuildError::NoRootCertificates);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(BuildError::Tls)?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_of_a_web_server_and_nothing_else() {
        let client = |url: &str| Client::builder(Credentials::access_token("t", "t", "p")).base_url(url).build();
        for url in ["http://127.0.0.1:8787/api", "http://localhost/", "http://[::1]:1/a/b/"] {
            assert!(client(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "vercel.com/api",
            "file:///api",
            "http://user@host/",
            "http://:word@host/",
            "http://host/?a=b",
            "data:text/plain,",
        ] {
            assert!(matches!(client(url), Err(BuildError::BaseUrl(_))), "{url}");
        }
    }

    #[test]
    fn a_client_does_not_show_its_token() {
        let credentials = Credentials::access_token("hunter2", "team", "project");
        let client = Client::builder(credentials).base_url("http://127.0.0.1:1/api").build().unwrap();
        let shown = format!("{client:?}");
        assert!(shown.contains("127.0.0.1") && !shown.contains("hunter2"), "{shown}");
    }
}
