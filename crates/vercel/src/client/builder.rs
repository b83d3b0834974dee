//! Configures a client.

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

/// The base URL of Vercel's API.
const DEFAULT_BASE_URL: &str = "https://vercel.com/api";

const USER_AGENT: &str = concat!("workers-vercel/", env!("CARGO_PKG_VERSION"));

/// The interval of TCP keep-alive probes on a silent connection. A command may be silent for as long as it runs, so
/// silence alone must not end its stream; a host that does not respond to probes does.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Configures and builds a [`Client`].
#[derive(Clone)]
pub struct ClientBuilder {
    credentials: Credentials,
    base_url: String,
    timeouts: Timeouts,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
    roots: Option<Vec<u8>>,
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The text is not a URL, or not one of a web server.
    #[error("`{0}` is not a base URL such as https://vercel.com/api")]
    BaseUrl(String),
    /// There are no root certificates to verify servers with.
    #[error("there are no root certificates, so the certificate of the sandbox API cannot be verified")]
    NoRootCertificates,
    /// TLS cannot be configured.
    #[error("failed to set up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client cannot be created.
    #[error("failed to set up the HTTP client")]
    Http(#[source] reqwest::Error),
}

impl Client {
    /// Creates a client of Vercel's own API with default settings.
    ///
    /// # Errors
    ///
    /// When the host has no root certificates.
    pub fn new(credentials: Credentials) -> Result<Self, BuildError> {
        Self::builder(credentials).build()
    }

    /// Returns a builder for a client with other settings.
    #[must_use]
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder::new(credentials)
    }
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

    /// Sets the base URL of another server with this API, for example `http://127.0.0.1:8787/api`. With `http` the
    /// token is sent unencrypted.
    #[must_use]
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// Sets the timeouts of requests.
    #[must_use]
    pub const fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets how often and for how long failed requests are tried again.
    #[must_use]
    pub const fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Sets the clock that decides whether a token has expired.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the root certificates for TLS, in PEM form, in place of the operating system's.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// When the base URL is invalid, or is an `https` URL and there are no root certificates.
    pub fn build(self) -> Result<Client, BuildError> {
        let Self { credentials, base_url, timeouts, retry, clock, roots } = self;
        let base_url = parse_base_url(&base_url)?;
        let mut http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls(&base_url, roots.as_deref())?)
            // The API never redirects, and the token must not be sent to another server.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(timeouts.connect)
            .tcp_keepalive(KEEP_ALIVE)
            // One stream per connection: on a shared one, a slow reader would block the others.
            .http1_only();
        // A proxy from the environment variables leads to other hosts, and cannot reach this one's loopback.
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

/// Configures TLS with the same cryptography provider as the rest of the platform.
fn tls(base_url: &Url, roots: Option<&[u8]>) -> Result<ClientConfig, BuildError> {
    let mut store = RootCertStore::empty();
    // Plain HTTP needs no certificates, so a host without any can use it.
    if base_url.scheme() == "https" {
        let certificates = match roots {
            Some(pem) => CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect(),
            None => rustls_native_certs::load_native_certs().certs,
        };
        // Some hosts have a few certificates that cannot be parsed among many valid ones; these are skipped.
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
