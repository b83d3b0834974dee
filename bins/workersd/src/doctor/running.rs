//! Asks the server that runs on the data directory about its health: some faults are visible only inside that server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use workers_domain::error_chain;
use workers_engine::{Finding, FindingStatus, is_in_use};

use crate::config::Settings;
use crate::listening::address_of_server;

const NAME: &str = "running server";

/// How long the server may take to respond. `/readyz` gives the server's own parts up to 2.2 s, and handles one request
/// at a time.
const PATIENCE: Duration = Duration::from_secs(6);

/// What the data directory shows about a server before any request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DirectoryState {
    /// A server runs on the data directory, and its address is in [`listening`](crate::listening).
    AddressKnown,
    /// A server runs on the data directory; its address is not there.
    Running,
    /// No server runs on the data directory. Another one may listen on the configured address.
    NotRunning,
}

/// The body of `GET /readyz`.
#[derive(Debug, Deserialize)]
struct Readiness {
    status: Status,
    // The server leaves the member out if there are none.
    #[serde(default)]
    problems: Vec<Problem>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ready,
    NotReady,
    ShuttingDown,
}

#[derive(Debug, Deserialize)]
struct Problem {
    part: String,
    state: String,
    advice: String,
}

/// Asks the server that runs on the data directory what is wrong with it. Returns no findings where no server runs.
pub(super) async fn check(settings: &Settings) -> Vec<Finding> {
    let data_dir = settings.database.data_dir.clone();
    let checked = tokio::task::spawn_blocking(move || (address_of_server(&data_dir), is_in_use(&data_dir)));
    let (address, state) = match checked.await.unwrap_or_default() {
        (Some(address), _) => (address, DirectoryState::AddressKnown),
        (None, true) => (settings.listen, DirectoryState::Running),
        (None, false) => (settings.listen, DirectoryState::NotRunning),
    };
    let url = format!("http://{}", reachable(address));
    match (fetch_readiness(&url).await, state) {
        (Ok(readiness), state) => {
            let unrelated_server =
                (state == DirectoryState::NotRunning).then(|| unrelated_server(&url, &settings.database.data_dir));
            unrelated_server.into_iter().chain(findings(&url, readiness)).collect()
        }
        (Err(error), DirectoryState::AddressKnown) => vec![Finding {
            name: NAME,
            status: FindingStatus::Missing,
            detail: format!("it does not answer at {url}: {error}"),
            remedy: Some("if it is being stopped, wait; otherwise see its log, end it and start it again".to_owned()),
        }],
        (Err(error), DirectoryState::Running) => vec![Finding {
            name: NAME,
            status: FindingStatus::Degraded,
            detail: format!("a server holds the data directory, and does not answer at {url}: {error}"),
            remedy: Some(
                "if it was started just now, ask again; if it listens on another address, name it with --listen"
                    .to_owned(),
            ),
        }],
        (Err(_), DirectoryState::NotRunning) => Vec::new(),
    }
}

/// Returns an address to connect to: loopback in place of the unspecified address, which means all addresses of this
/// host.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn fetch_readiness(url: &str) -> Result<Readiness, String> {
    let client = client().map_err(|error| error_chain(&*error))?;
    let response = async { client.get(format!("{url}/readyz")).send().await?.json().await };
    response.await.map_err(|error: reqwest::Error| {
        if error.is_timeout() {
            format!("no answer within {} s", PATIENCE.as_secs())
        } else if error.is_decode() {
            "what answers there is no Workers server".to_owned()
        } else {
            error_chain(&error)
        }
    })
}

/// Builds a client. The server speaks HTTP without TLS, but reqwest is built with TLS and needs a configuration for it.
fn client() -> anyhow::Result<reqwest::Client> {
    let tls =
        ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()?;
    let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    // A proxy for outgoing requests does not lead to this host.
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
    // Our server does not redirect `/readyz`. A redirect comes from another one, whose health is of no interest.
    Ok(client.redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build()?)
}

/// Returns the finding for a server that responds but does not hold the data directory.
fn unrelated_server(url: &str, data_dir: &Path) -> Finding {
    Finding {
        name: NAME,
        status: FindingStatus::Degraded,
        detail: format!("the server at {url} does not run on what is at {} now", data_dir.display()),
        remedy: Some(
            "if the directory was moved or replaced under it, put it back; if it is another server, name its --data-dir, or another \
             --listen"
                .to_owned(),
        ),
    }
}

fn findings(url: &str, readiness: Readiness) -> Vec<Finding> {
    let found = |status, what: &str, remedy| Finding { name: NAME, status, detail: format!("{url}: {what}"), remedy };
    let problem = |Problem { part, state, advice }| {
        let status = if state == "slow" { FindingStatus::Degraded } else { FindingStatus::Missing };
        let advice = format!("{advice} (its log has the cause)");
        found(status, &format!("{part}: {state}"), Some(advice))
    };
    let problems = readiness.problems.into_iter().map(problem);
    let whole = match readiness.status {
        Status::Ready if problems.len() == 0 => Some(found(FindingStatus::Ok, "ready", None)),
        Status::ShuttingDown => Some(found(FindingStatus::Degraded, "it is being stopped", None)),
        Status::Ready | Status::NotReady => None,
    };
    problems.chain(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unspecified_address_is_replaced_by_loopback() {
        for (address, expected) in [
            ("0.0.0.0:3000", "127.0.0.1:3000"),
            ("[::]:3000", "[::1]:3000"),
            ("127.0.0.2:3000", "127.0.0.2:3000"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(reachable(address.parse().unwrap()), expected.parse().unwrap());
        }
    }

    #[test]
    fn what_makes_requests_fail_is_missing_and_what_makes_them_slow_is_not() {
        let body = r#"{"status": "not_ready", "database": "ok", "problems": [
            {"part": "templates", "state": "slow", "advice": "wait"},
            {"part": "launcher", "state": "failed", "advice": "see the log"}]}"#;
        let found = findings("http://127.0.0.1:3000", serde_json::from_str(body).unwrap());
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].status, found[1].status), (FindingStatus::Degraded, FindingStatus::Missing));
        assert_eq!(found[1].detail, "http://127.0.0.1:3000: launcher: failed");
        assert!(found[1].remedy.as_deref().unwrap().starts_with("see the log"));
        for (body, status) in
            [(r#"{"status": "ready"}"#, FindingStatus::Ok), (r#"{"status": "shutting_down"}"#, FindingStatus::Degraded)]
        {
            let found = findings("http://127.0.0.1:3000", serde_json::from_str(body).unwrap());
            assert_eq!(found.iter().map(|finding| finding.status).collect::<Vec<_>>(), [status]);
        }
    }
}
