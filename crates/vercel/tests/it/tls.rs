//! The client over TLS.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use workers_vercel::{BuildError, Client, Credentials, ListSandboxes, VercelError};

const ANSWER: &str = r#"{"sandboxes":[],"pagination":{"count":0,"next":null}}"#;

/// Starts a server that responds to every request with an empty list. Returns its address and its certificate.
async fn server() -> (String, String) {
    let identity = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not accept the certificate closes the connection.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{ANSWER}", ANSWER.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (format!("https://localhost:{port}/api"), identity.cert.pem())
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate() {
    let (base_url, certificate) = server().await;
    let builder = Client::builder(Credentials::access_token("t", "team", "project")).base_url(base_url);
    let client = builder.clone().root_certificates(certificate).build().unwrap();
    assert_eq!(client.list_sandboxes(&ListSandboxes::default()).await.unwrap().items, []);

    let (_, stranger) = server().await;
    let client = builder.root_certificates(stranger).build().unwrap();
    let error = client.list_sandboxes(&ListSandboxes::default()).await.unwrap_err();
    assert!(matches!(error, VercelError::Connect(_)), "{error}");
}

#[tokio::test]
async fn without_certificates_no_server_is_known() {
    let builder = Client::builder(Credentials::access_token("t", "team", "project")).base_url("https://localhost/api");
    assert!(matches!(builder.root_certificates("none").build(), Err(BuildError::NoRootCertificates)));
}
