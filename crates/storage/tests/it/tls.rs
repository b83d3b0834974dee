//! TLS to Postgres: which servers are trusted, and the errors for those that are not.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use workers_domain::ports::ExistingWorkers;
use workers_testing::{AllWorkers as _, ThrowAwayPostgres};

use crate::support::{connect, unavailable};

/// A server with a certificate for `localhost`, and a file with the authority that issued it.
struct TlsServer {
    postgres: ThrowAwayPostgres,
    directory: TempDir,
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Access rules: alice may connect only with TLS and her password.
const RULES: &str = "host all postgres all trust\nhostssl all alice all scram-sha-256\n";

impl TlsServer {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = authority();
        std::fs::write(directory.path().join("authority.pem"), authority.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let postgres = ThrowAwayPostgres::start_with(
            &[("ssl", "on"), ("ssl_cert_file", "server.pem"), ("ssl_key_file", "server.key")],
            &[("server.pem", &certificate.pem()), ("server.key", &key.serialize_pem()), ("pg_hba.conf", RULES)],
        );
        Self { postgres, directory }
    }

    fn url(&self, host: &str, parameters: &str) -> String {
        let port = self.postgres.port().unwrap();
        let authority = self.directory.path().join("authority.pem");
        format!("postgres://postgres@{host}:{port}/postgres?{parameters}&sslrootcert={}", authority.display())
    }
}

async fn refusal(url: &str) -> String {
    unavailable(connect(url).await.store().workers().list().await)
}

/// Connects and runs some queries.
async fn assert_believed(url: &str) {
    let database = connect(url).await;
    let store = database.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    store.schema().check().await.unwrap();
}

#[tokio::test]
async fn the_right_name_from_the_right_authority_is_believed() {
    let server = TlsServer::start();
    for mode in ["require", "verify-full", "verify-ca", "prefer"] {
        assert_believed(&server.url("localhost", &format!("sslmode={mode}"))).await;
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let server = TlsServer::start();
    let other = server.directory.path().join("authority.pem");
    std::fs::write(other, authority().pem()).unwrap();
    for mode in ["require", "verify-full", "verify-ca", "prefer"] {
        let said = refusal(&server.url("localhost", &format!("sslmode={mode}"))).await;
        assert!(said.contains("TLS") && said.contains("invalid peer certificate"), "{mode}: {said}");
    }
    // The operating system's authorities did not issue the certificate either.
    let port = server.postgres.port().unwrap();
    let said = refusal(&format!("postgres://postgres@localhost:{port}/postgres?sslmode=require")).await;
    assert!(said.contains("UnknownIssuer"), "{said}");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused_unless_only_its_authority_matters() {
    let server = TlsServer::start();
    for mode in ["require", "verify-full", "prefer"] {
        let said = refusal(&server.url("127.0.0.1", &format!("sslmode={mode}"))).await;
        assert!(said.contains("not valid for name"), "{mode}: {said}");
    }
    assert_believed(&server.url("127.0.0.1", "sslmode=verify-ca")).await;
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let server = ThrowAwayPostgres::start();
    let port = server.port().unwrap();
    for mode in ["require", "verify-full", "verify-ca"] {
        let said = refusal(&format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode={mode}")).await;
        assert!(said.contains("TLS"), "{mode}: {said}");
    }
    for mode in ["prefer", "disable"] {
        assert_believed(&format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode={mode}")).await;
    }
}

#[tokio::test]
async fn a_password_is_bound_to_the_channel_and_never_sent_without_tls() {
    let server = TlsServer::start();
    let administration = server.postgres.url("postgres");
    let create = "CREATE ROLE alice SUPERUSER LOGIN PASSWORD 'hunter2'";
    server.postgres.execute(&administration, create).await;
    let url = server.url("localhost", "sslmode=require&channel_binding=require");
    let with_password = |password: &str| url.replace("postgres@", &format!("alice:{password}@"));
    assert_believed(&with_password("hunter2")).await;

    let said = refusal(&with_password("letmein")).await;
    assert!(said.contains("password authentication failed"), "{said}");
    assert!(!said.contains("letmein"), "{said}");

    let plain = with_password("hunter2").replace("sslmode=require", "sslmode=disable");
    let said = refusal(&plain).await;
    assert!(said.contains("no encryption") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_file_without_certificates_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("empty.pem");
    for content in [None, Some("not a certificate")] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let url = format!("postgres://db.example/d?sslrootcert={}", file.display()).parse().unwrap();
        let error = workers_storage::Database::connect(&url, &workers_storage::StorageOptions::default()).await.err();
        let said = crate::support::chain(&error.unwrap());
        assert!(said.contains("empty.pem"), "{said}");
    }
}
