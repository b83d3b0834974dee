//! The encrypted channel to Postgres: connects rustls with the driver, and implements channel binding.
//!
//! With `channel_binding`, log-in proves to both sides that they are the two ends of the same channel: client and
//! server include a hash of the server's certificate in the password exchange (`tls-server-end-point`, RFC 5929).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Creates encrypted connections to any host.
#[derive(Clone)]
pub(super) struct RustlsConnector {
    config: Arc<ClientConfig>,
}

/// Creates one encrypted connection to one host.
pub(super) struct HostConnector {
    connector: TlsConnector,
    host: ServerName<'static>,
}

/// An encrypted connection.
pub(super) struct RustlsStream(TlsStream<Socket>);

/// The DER tag of a SEQUENCE.
const SEQUENCE: u8 = 0x30;
/// The DER tag of an OBJECT IDENTIFIER.
const OBJECT_IDENTIFIER: u8 = 0x06;
/// The object identifiers 1.2.840.113549.1.1.* (signatures with RSA), without their last number.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// The object identifiers 1.2.840.10045.4.3.* (signatures with ECDSA and SHA-2), without their last number.
const ECDSA_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
/// The object identifier 1.2.840.10045.4.1 (ECDSA with SHA-1), without its last number.
const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];

impl RustlsConnector {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self { config: Arc::new(config) }
    }
}

impl MakeTlsConnect<Socket> for RustlsConnector {
    type Stream = RustlsStream;
    type TlsConnect = HostConnector;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<HostConnector, InvalidDnsNameError> {
        let host = ServerName::try_from(host)?.to_owned();
        Ok(HostConnector { connector: Arc::clone(&self.config).into(), host })
    }
}

impl TlsConnect<Socket> for HostConnector {
    type Stream = RustlsStream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<RustlsStream>>;

    fn connect(self, socket: Socket) -> Self::Future {
        self.connector.connect(self.host, socket).map(|stream| stream.map(RustlsStream)).boxed()
    }
}

impl tokio_postgres::tls::TlsStream for RustlsStream {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        // The first certificate is the server's own; the others lead to its authority.
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        // Without a hash the driver logs in without binding, unless the URL says `channel_binding=require`.
        certificate
            .and_then(|certificate| end_point_hash(certificate))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for RustlsStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for RustlsStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

/// Returns the hash of a certificate, using the hash function of the certificate's own signature; MD5 and SHA-1 are
/// replaced by SHA-256. Returns `None`, which means no binding, if the signature algorithm has no separate hash
/// function (Ed25519) or specifies it in its parameters (RSA-PSS).
fn end_point_hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let (family, &[algorithm]) = signature_algorithm(certificate)?.split_last_chunk::<1>()?;
    match (family, algorithm) {
        (RSA, 4 | 5 | 11) | (ECDSA_SHA2, 2) | (ECDSA_SHA1, 1) => Some(Sha256::digest(certificate).to_vec()),
        (RSA, 12) | (ECDSA_SHA2, 3) => Some(Sha384::digest(certificate).to_vec()),
        (RSA, 13) | (ECDSA_SHA2, 4) => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// Returns the object identifier of a certificate's signature algorithm. A certificate is a sequence of the signed
/// data, the algorithm (a sequence that begins with its identifier), and the signature.
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (parts, _) = read_value(SEQUENCE, certificate)?;
    let (_signed, parts) = read_value(SEQUENCE, parts)?;
    let (algorithm, _signature) = read_value(SEQUENCE, parts)?;
    let (identifier, _parameters) = read_value(OBJECT_IDENTIFIER, algorithm)?;
    Some(identifier)
}

/// Splits off one DER value with this tag. Returns its content and the bytes after it.
fn read_value(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, bytes) = bytes.split_first()?;
    let (&first, bytes) = bytes.split_first()?;
    let (length, bytes) = if first < 0x80 {
        (usize::from(first), bytes)
    } else {
        // In DER the top bit says that the other seven bits count the bytes of the length.
        let (digits, bytes) = bytes.split_at_checked(usize::from(first & 0x7f))?;
        // No certificate needs more digits, and the shift below would lose those that `usize` has no room for.
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), bytes)
    };
    if found == tag { bytes.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};

    use super::*;

    fn certificate(algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_hash_is_the_one_of_the_signature() {
        let p256 = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(end_point_hash(&p256), Some(Sha256::digest(&p256).to_vec()));
        let p384 = certificate(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(end_point_hash(&p384), Some(Sha384::digest(&p384).to_vec()));
        assert_eq!(end_point_hash(&certificate(&rcgen::PKCS_ED25519)), None);
    }

    #[test]
    fn what_is_no_certificate_has_no_hash() {
        let whole = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        for length in 0..whole.len() {
            assert!(end_point_hash(&whole[..length]).is_none());
        }
        // A length with nine digits, a length of 4 GiB, the indefinite length of BER, and text.
        for nonsense in [&[0x30, 0x89][..], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x80], b"certificate"] {
            assert!(end_point_hash(nonsense).is_none());
        }
    }
}
