//! Bad input of every kind gets a clear error, and the server goes on.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::local::{TestServer, status_and_body};

const OK: &str = "export function f(p) { return typeof p === 'object' ? Object.keys(p).length : String(p).length }";

async fn post(server: &TestServer, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let request = server.post(path).header(CONTENT_TYPE, "application/json").body(body);
    let (status, body) = status_and_body(request.send().await.unwrap()).await;
    if status >= 400 {
        assert!(body["error"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{body}");
        assert!(body["code"].as_str().is_some_and(|code| !code.is_empty()), "{body}");
    }
    (status, body)
}

#[tokio::test]
async fn every_bad_deploy_is_refused_by_its_status_and_leaves_nothing() {
    let server = TestServer::start(&[]);
    let name = |name: &str| json!({"name": name, "code": OK}).to_string().into_bytes();
    let code = |code: &str| json!({"name": "w", "code": code}).to_string().into_bytes();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("no body", Vec::new(), 400),
        ("malformed JSON", b"{\"name\":".to_vec(), 400),
        ("not an object", b"[]".to_vec(), 400),
        ("wrong types", b"{\"name\":1,\"code\":{}}".to_vec(), 400),
        ("no name", json!({"code": OK}).to_string().into(), 400),
        ("no code", json!({"name": "w"}).to_string().into(), 400),
        ("null code", json!({"name": "w", "code": null}).to_string().into(), 400),
        ("empty name", name(""), 400),
        ("blank name", name("  "), 400),
        ("NUL in the name", name("a\0b"), 400),
        ("name of 300 characters", name(&"n".repeat(300)), 400),
        ("empty code", code(""), 400),
        ("syntax error", code("export function f( {"), 400),
        ("no function", code("export const a = 1"), 400),
        ("nothing exported", code("function f() {}"), 400),
        (
            "100,000 brackets in code",
            code(&format!("export const f = () => {}1{}", "[".repeat(100_000), "]".repeat(100_000))),
            400,
        ),
        (
            "100,000 parentheses in code",
            code(&format!("export const f = () => {}1{}", "(".repeat(100_000), ")".repeat(100_000))),
            400,
        ),
        ("100,000 brackets of JSON", "[".repeat(100_000).into_bytes(), 400),
        ("100,000 brackets in a member", format!("{{\"name\":{}", "[".repeat(100_000)).into_bytes(), 400),
        ("invalid UTF-8", b"{\"name\":\"\xff\",\"code\":\"x\"}".to_vec(), 400),
        ("function name of 300 characters", code(&format!("export function {}() {{}}", "f".repeat(300))), 400),
        ("64 MiB", vec![b' '; 64 << 20], 413),
        ("code over the limit", code(&format!("export function f() {{}} //{}", "x".repeat(11 << 20))), 413),
    ];
    for (what, body, expected) in cases {
        assert_eq!(post(&server, "/api/workers", body).await.0, expected, "{what}");
    }
    let (_, list) = status_and_body(server.get("/api/workers").send().await.unwrap()).await;
    assert_eq!(list, json!([]));
    server.deploy(OK).await;
}

#[tokio::test]
async fn a_syntax_error_has_line_column_and_a_code_frame() {
    let server = TestServer::start(&[]);
    let body = json!({"name": "w", "code": "export function f() {\n  return 1 +;\n}"}).to_string();
    let (_, body) = post(&server, "/api/workers", body).await;
    assert_eq!((&body["line"], &body["column"]), (&json!(2), &json!(13)), "{body}");
    assert!(body["codeFrame"].as_str().unwrap().contains("return 1 +;"), "{body}");
}

#[tokio::test]
async fn every_bad_invocation_is_refused_by_its_status() {
    let server = TestServer::start(&[]);
    let id = server.deploy(OK).await;
    let function = |name: &str| format!("/api/workers/{id}/functions/{name}");
    let cases: Vec<(String, Vec<u8>, u16)> = vec![
        (function("nope"), Vec::new(), 404),
        (function("__proto__"), Vec::new(), 404),
        (function("constructor"), Vec::new(), 404),
        (function("a%00b"), Vec::new(), 404),
        (function("%ff"), Vec::new(), 404),
        (function(&"n".repeat(300)), Vec::new(), 404),
        ("/api/workers/0198a000-0000-7000-8000-000000000000/functions/f".to_owned(), Vec::new(), 404),
        ("/api/workers/nonsense/functions/f".to_owned(), Vec::new(), 404),
        ("/api/nonsense".to_owned(), Vec::new(), 404),
        (function("f"), vec![b' '; 64 << 20], 413),
        (function("f"), vec![b'['; (6 << 20) + 1], 413),
    ];
    for (path, body, expected) in cases {
        assert_eq!(post(&server, &path, body).await.0, expected, "{path}");
    }
    let (_, body) = post(&server, &function("nope"), "").await;
    assert_eq!(body["available"], json!(["f"]));
}

#[tokio::test]
async fn a_payload_that_is_no_json_is_an_empty_object() {
    let server = TestServer::start(&[]);
    let id = server.deploy(OK).await;
    for payload in [&b""[..], b"{", b"\xff\xfe", b"undefined"] {
        let (status, body) = post(&server, &format!("/api/workers/{id}/functions/f"), payload.to_vec()).await;
        assert_eq!((status, &body["result"]), (200, &json!(0)), "{payload:?}");
    }
}

#[tokio::test]
async fn a_payload_of_six_mebibytes_arrives_whole() {
    let server = TestServer::start(&[]);
    let id = server.deploy(OK).await;
    let payload = format!("\"{}\"", "x".repeat((6 << 20) - 2));
    let (status, body) = post(&server, &format!("/api/workers/{id}/functions/f"), payload).await;
    assert_eq!((status, &body["result"]), (200, &json!((6 << 20) - 2)), "{}", body["error"]);
}

#[tokio::test]
async fn a_payload_of_a_hundred_thousand_brackets_does_no_harm() {
    let server = TestServer::start(&[]);
    let id = server.deploy(OK).await;
    let payload = "[".repeat(100_000) + &"]".repeat(100_000);
    let (status, _) = post(&server, &format!("/api/workers/{id}/functions/f"), payload).await;
    assert!(status == 200 || status == 500, "{status}");
    assert_eq!(server.call(&id, "f", &json!({})).await.0, 200);
}

#[tokio::test]
async fn code_that_takes_for_ever_to_compile_is_refused_and_delays_no_other_deploy() {
    let server = TestServer::start(&[]);
    let bomb = format!("export const f = {}", "a<b<".repeat(6_000));
    let bomb = json!({"name": "bomb", "code": bomb}).to_string();
    let refused = post(&server, "/api/workers", bomb);
    let others = async {
        for _ in 0..5 {
            server.deploy(OK).await;
        }
    };
    let ((status, body), ()) = tokio::join!(refused, others);
    assert_eq!((status, &body["code"]), (400, &json!("too_deep")), "{body}");
    // A client that disconnects ends its compilation: on any number of cores the next deploy finds a free compiler.
    let line = "{ function _(a: number, b?: { c: string }) { return a + (b?.c.length ?? 0) * [1, 2, 3].length } }\n";
    let heavy = json!({"name": "heavy", "code": line.repeat((9 << 20) / line.len())}).to_string();
    let cores = std::thread::available_parallelism().unwrap().get();
    for _ in 0..cores {
        let request = server.post("/api/workers").header(CONTENT_TYPE, "application/json").body(heavy.clone());
        assert!(request.timeout(std::time::Duration::from_millis(500)).send().await.unwrap_err().is_timeout());
    }
    server.deploy(OK).await;
}
