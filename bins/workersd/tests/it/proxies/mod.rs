//! Proxies in front of the server, with the configurations of docs/operations.md.

mod front;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::header::ORIGIN;
use serde_json::json;

use self::front::{Kind, Mount, Proxy};
use crate::console::run_with;
use crate::support::local::TestServer;
use crate::support::status_and_body;

/// Declares the tests of each kind of proxy.
macro_rules! suite {
    ($($module:ident: $kind:expr,)*) => { $(
        mod $module {
            use super::{Kind, Mount};

            #[tokio::test]
            async fn heads_and_events_are_sent_at_once() {
                super::heads_and_events_are_sent_at_once($kind).await;
            }

            #[tokio::test]
            async fn an_invocation_ends_with_its_client() {
                super::an_invocation_ends_with_its_client($kind).await;
            }

            #[tokio::test]
            async fn large_bodies_pass_and_too_large_ones_are_refused_by_the_server() {
                super::large_bodies_pass_and_too_large_ones_are_refused_by_the_server($kind).await;
            }

            #[test]
            fn the_console_works_below_a_path() {
                super::the_console_works($kind, Mount::BelowAPath);
            }

            #[test]
            fn the_console_works_at_the_root() {
                super::the_console_works($kind, Mount::OwnHost);
            }
        }
    )* };
}

suite! {
    nginx: Kind::Nginx,
    haproxy: Kind::Haproxy,
    caddy: Kind::Caddy,
}

const CODE: &str = "
    export async function silent() { await new Promise((resolve) => setTimeout(resolve, 25_000)); }
    export async function clock() {
        for (let line = 0; line < 8; line++) {
            console.log(Date.now());
            await new Promise((resolve) => setTimeout(resolve, 130));
        }
    }";

/// How soon sent data must arrive. By default haproxy holds data back for up to 200 ms.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Starts a server behind a proxy. Returns the server with the proxy's URL, the proxy, and the server's own URL.
/// Returns `None` if the proxy is not installed.
fn behind(kind: Kind) -> (TestServer, Proxy, String) {
    let mut server = TestServer::start(&[]);
    let proxy = Proxy::start(kind, Mount::BelowAPath, &server.url);
    let direct = std::mem::replace(&mut server.url, proxy.url.clone());
    (server, proxy, direct)
}

/// Returns a figure of the server's metrics that has no labels.
async fn figure(server: &TestServer, direct: &str, name: &str) -> String {
    let metrics = server.http.get(format!("{direct}/metrics")).send().await.unwrap().text().await.unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name}: {metrics}")).to_owned()
}

/// Waits until this number of invocations runs. Returns how long that took.
async fn await_running(server: &TestServer, direct: &str, number: &str) -> Duration {
    let began = Instant::now();
    while figure(server, direct, "workers_invocations_running").await != number {
        assert!(began.elapsed() < Duration::from_secs(20), "there are not {number} invocations");
    }
    began.elapsed()
}

async fn heads_and_events_are_sent_at_once(kind: Kind) {
    let (server, _proxy, _) = behind(kind);
    let id = server.deploy(CODE).await;
    let mut heads = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        // The head arrives before the function has printed anything.
        drop(server.stream(&id, "silent", &json!({})).await);
        heads.push(began.elapsed());
    }
    assert!(heads.iter().min().unwrap() < &AT_ONCE, "{heads:?}");
    let mut events = server.stream(&id, "clock", &json!({})).await;
    let mut late = Vec::new();
    while let Some(event) = events.next().await {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        if event.name == "log" {
            let printed = event.data["message"].as_str().unwrap().parse().unwrap();
            late.push(now.saturating_sub(Duration::from_millis(printed)));
        }
    }
    late.sort();
    assert_eq!(late.len(), 8);
    // A busy host may delay a few of them; a proxy that holds data back delays at least half of them.
    assert!(late[5] < AT_ONCE, "{late:?}");
}

async fn an_invocation_ends_with_its_client(kind: Kind) {
    let (server, _proxy, direct) = behind(kind);
    let id = server.deploy(CODE).await;
    let watched = server.stream(&id, "silent", &json!({})).await;
    await_running(&server, &direct, "1").await;
    drop(watched);
    let after = await_running(&server, &direct, "0").await;
    // This is sooner than the next comment in the stream, and before the function ends.
    assert!(after < Duration::from_secs(5), "watched: {after:?}");
    let request = server.post(&format!("/api/workers/{id}/functions/silent")).send();
    let waiting = tokio::spawn(request);
    await_running(&server, &direct, "1").await;
    waiting.abort();
    let after = await_running(&server, &direct, "0").await;
    assert!(after < Duration::from_secs(5), "not watched: {after:?}");
    assert_eq!(figure(&server, &direct, "workers_invocations_total{outcome=\"cancelled\"}").await, "2");
}

async fn large_bodies_pass_and_too_large_ones_are_refused_by_the_server(kind: Kind) {
    let (server, proxy, _) = behind(kind);
    // White space around JSON counts as part of the body, but costs the compiler no time.
    let deploy = async |code: &str, padding: usize| {
        let worker = json!({"name": "large", "code": code}).to_string();
        let request = server.post("/api/workers").header(ORIGIN, proxy.origin());
        status_and_body(request.body(worker + &" ".repeat(padding)).send().await.unwrap()).await
    };
    let (status, worker) = deploy("export function size(value) { return value.length }", 31_000_000).await;
    assert_eq!(status, 201, "{worker}");
    let (status, refusal) = deploy(&"x".repeat(10_500_000), 0).await;
    assert_eq!((status, refusal["code"].as_str()), (413, Some("code_too_large")));
    let payload = json!("x".repeat(6_000_000));
    let (status, result) = server.call(worker["id"].as_str().unwrap(), "size", &payload).await;
    assert_eq!((status, &result["result"]), (200, &json!(6_000_000)));
}

fn the_console_works(kind: Kind, mount: Mount) {
    let server = TestServer::start(&[]);
    let proxy = Proxy::start(kind, mount, &server.url);
    run_with("proxied.test.ts", &[("SERVER_URL", &server.url), ("PROXY_URL", &proxy.url)]);
}

#[tokio::test]
async fn without_the_host_a_browser_is_refused_and_the_message_says_what_to_do() {
    let server = TestServer::start(&[]);
    let configuration = Kind::Nginx.documented().replace("proxy_set_header Host $http_host;", "");
    let proxy = Proxy::start_with(Kind::Nginx, Mount::BelowAPath, &server.url, &configuration);
    let request = server.http.post(format!("{}/api/workers", proxy.url)).header(ORIGIN, proxy.origin());
    let (status, refusal) = status_and_body(request.body("{}").send().await.unwrap()).await;
    assert_eq!((status, refusal["code"].as_str()), (403, Some("origin_not_allowed")));
    let message = refusal["error"].as_str().unwrap();
    assert!(message.contains("`Host`") && message.contains("`--cors-origin`"), "{message}");
}

#[tokio::test]
async fn haproxys_checks_are_answered_whatever_they_ask_with() {
    let server = TestServer::start(&[]);
    let documented = Kind::Haproxy.documented();
    for check in ["", " GET /healthz", " GET /readyz", " HEAD /readyz", " OPTIONS /healthz"] {
        let configuration = documented.replace(
            "option httpchk GET /healthz\n",
            &format!("option httpchk{check}\n    option log-health-checks\n"),
        );
        assert_ne!(configuration, documented);
        let proxy = Proxy::start_with(Kind::Haproxy, Mount::BelowAPath, &server.url, &configuration);
        let line = proxy.said("Health check for server").await;
        assert!(line.contains("succeeded, reason: Layer7 check passed"), "{check}: {line}");
    }
}
