//! TLS to Postgres. Certificates are checked in every mode that uses TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslNegotiation;

use super::channel::RustlsConnector;
use super::url::{PostgresUrl, ServerChecks};
use crate::error::ConnectError;

/// Returns the TLS connector for the server of this URL; `None` if the URL requests no TLS.
pub(super) fn connector(url: &PostgresUrl) -> Result<Option<RustlsConnector>, ConnectError> {
    let verify_name = match url.checks {
        ServerChecks::None => return Ok(None),
        ServerChecks::Certificate => false,
        ServerChecks::CertificateAndName => true,
    };
    let roots = Arc::new(root_certificates(url.root_certificates.as_deref())?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::<CryptoProvider>::clone(&provider))
        .build()
        .map_err(|error| ConnectError::Tls(Error::General(error.to_string())))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ConnectError::Tls)?;
    let config = if verify_name {
        builder.with_webpki_verifier(verifier)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyNameVerifier { inner: verifier }))
    };
    let mut config = config.with_no_client_auth();
    if url.config.get_ssl_negotiation() == SslNegotiation::Direct {
        // With direct TLS a server must refuse clients without this ALPN protocol, so that one protocol cannot be
        // mistaken for another.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(Some(RustlsConnector::new(config)))
}

fn root_certificates(file: Option<&Path>) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        let found = rustls_native_certs::load_native_certs();
        // On some systems a few of the many certificates cannot be parsed; they are skipped.
        roots.add_parsable_certificates(found.certs);
        return if roots.is_empty() { Err(ConnectError::NoRootCertificates) } else { Ok(roots) };
    };

    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| ConnectError::ReadRootCertificates {
        from: file.display().to_string(),
        source,
    };
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.into()))? {
        let certificate = certificate.map_err(|error| unreadable(error.into()))?;
        roots.add(certificate).map_err(|error| unreadable(error.into()))?;
    }
    if roots.is_empty() { Err(unreadable("it has no certificate in PEM form".into())) } else { Ok(roots) }
}

/// Checks a certificate as usual, but accepts any host name: `sslmode=verify-ca`.
#[derive(Debug)]
struct AnyNameVerifier {
    inner: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AnyNameVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The verifier checks the name last, so after this error the certificate chain is already valid.
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
