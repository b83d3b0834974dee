//! `POST /api/workers`

use serde_json::{Value, json};
use workers_domain::ports::SandboxErrorKind;

use crate::support::{CODE, RawClient, TestApp, status_and_json};

const PATH: &str = "/api/workers";

/// Deploys this name and code on a new server.
async fn deploy(name: &str, code: &str) -> (u16, Value) {
    TestApp::start().post_json(PATH, json!({ "name": name, "code": code }).to_string()).await
}

/// Sends this body to a new server, which must still be able to deploy afterwards.
async fn refused(body: impl Into<reqwest::Body>) -> (u16, Value) {
    let app = TestApp::start();
    let answer = app.post_json(PATH, body).await;
    app.deploy().await;
    assert_eq!(status_and_json(app.get(PATH).await).await.1.as_array().unwrap().len(), 1);
    answer
}

fn code_of((status, body): &(u16, Value)) -> (u16, &str) {
    assert!(body["error"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{body}");
    assert_eq!(body["requestId"], "test");
    (*status, body["code"].as_str().unwrap())
}

#[tokio::test]
async fn a_worker_is_ready_when_the_deploy_answers() {
    let app = TestApp::start();
    let response = app.post(PATH, json!({ "name": "greeter", "code": CODE }).to_string()).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let (status, body) = status_and_json(response).await;
    assert_eq!((status, &body["status"], &body["expiresInDays"]), (201, &json!("ready"), &json!(7)));
    assert_eq!(body["functions"], json!(["greet", "hang"]));
    assert_eq!(location, format!("/api/workers/{}", body["id"].as_str().unwrap()));
    assert_eq!(status_and_json(app.get(&location).await).await, (200, body));
    assert_eq!(app.sandboxes.snapshot_count(), 1);
}

#[tokio::test]
async fn the_content_type_does_not_matter() {
    let app = TestApp::start();
    let body = json!({ "name": "greeter", "code": CODE }).to_string();
    let request = app.request(reqwest::Method::POST, PATH).header("content-type", "text/plain").body(body);
    assert_eq!(request.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn code_that_does_not_parse_is_reported_with_its_position() {
    let (status, body) = deploy("broken", "export function greet() {\n  return (1 + ;\n}").await;
    assert_eq!(
        (status, &body["code"], &body["line"], &body["column"]),
        (400, &json!("syntax_error"), &json!(2), &json!(15))
    );
    assert!(body["codeFrame"].as_str().unwrap().contains("> 2 |   return (1 + ;"), "{body}");
    assert_eq!(body["diagnostics"][0]["code"], "syntax_error");
}

#[tokio::test]
async fn code_without_an_exported_function_is_refused() {
    assert_eq!(
        code_of(&refused(json!({ "name": "n", "code": "const a = 1;" }).to_string()).await),
        (400, "no_exported_function")
    );
}

#[tokio::test]
async fn a_missing_or_empty_name_is_refused() {
    for body in [json!({ "code": CODE }), json!({ "name": null, "code": CODE }), json!({ "name": " ", "code": CODE })] {
        assert_eq!(code_of(&refused(body.to_string()).await), (400, "missing_name"));
    }
}

#[tokio::test]
async fn missing_or_empty_code_is_refused() {
    for body in [json!({ "name": "n" }), json!({ "name": "n", "code": null }), json!({ "name": "n", "code": "" })] {
        assert_eq!(code_of(&refused(body.to_string()).await), (400, "missing_code"));
    }
}

#[tokio::test]
async fn a_name_of_300_characters_is_refused() {
    assert_eq!(code_of(&deploy(&"ä".repeat(300), CODE).await), (400, "invalid_name"));
}

#[tokio::test]
async fn a_name_of_255_characters_is_accepted() {
    assert_eq!(deploy(&"ä".repeat(255), CODE).await.0, 201);
}

#[tokio::test]
async fn nul_in_the_name_or_the_code_is_refused() {
    assert_eq!(code_of(&deploy("a\0b", CODE).await), (400, "invalid_name"));
    assert_eq!(code_of(&deploy("n", "export const f = () => '\0';").await), (400, "invalid_code"));
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_named() {
    let answer = refused(json!({ "name": 1, "code": CODE }).to_string()).await;
    assert_eq!(code_of(&answer), (400, "invalid_body"));
    assert_eq!(
        (&answer.1["field"], &answer.1["error"]),
        (&json!("name"), &json!("`name` must be a string, but is a number"))
    );
    let answer = refused(json!({ "name": "n", "code": ["x"] }).to_string()).await;
    assert_eq!(answer.1["field"], "code");
}

#[tokio::test]
async fn compiler_options_say_which_decorators_there_are_and_no_source_shows_them() {
    let of_a_private_member = "const d = () => {}; class C { @d #m() {} } export function f() {}";
    let of_a_parameter = "const d = () => {}; class C { m(@d a) {} } export function f() {}";
    for (code, options, expected) in [
        (of_a_private_member, json!(null), 201),
        (of_a_private_member, json!({}), 201),
        (of_a_private_member, json!({ "experimentalDecorators": false, "emitDecoratorMetadata": false }), 201),
        (of_a_private_member, json!({ "experimentalDecorators": true }), 400),
        (of_a_parameter, json!(null), 201),
        (of_a_parameter, json!({ "experimentalDecorators": true }), 201),
        (of_a_parameter, json!({ "experimentalDecorators": false }), 400),
    ] {
        let app = TestApp::start();
        let body = json!({ "name": "n", "code": code, "compilerOptions": options }).to_string();
        let (status, answer) = app.post_json(PATH, body).await;
        assert_eq!(status, expected, "{options}: {answer}");
        if expected == 201 {
            let path = format!("{PATH}/{}", answer["id"].as_str().unwrap());
            assert_eq!(app.get(&format!("{path}/source")).await.text().await.unwrap(), code);
            assert_eq!(app.post_json(&format!("{path}/redeploy"), "").await.0, 200);
        } else {
            assert_eq!(answer["code"], "unsupported_syntax");
        }
    }
}

#[tokio::test]
async fn compiler_options_that_are_not_known_are_refused() {
    for (options, field) in [
        (json!({ "target": "es5" }), "compilerOptions.target"),
        (json!({ "experimentalDecorators": 1 }), "compilerOptions.experimentalDecorators"),
        (json!({ "emitDecoratorMetadata": true }), "compilerOptions.emitDecoratorMetadata"),
    ] {
        let answer = refused(json!({ "name": "n", "code": CODE, "compilerOptions": options }).to_string()).await;
        assert_eq!(code_of(&answer), (400, "invalid_compiler_options"));
        assert_eq!(answer.1["field"], field);
    }
    let answer = refused(json!({ "name": "n", "code": CODE, "compilerOptions": "strict" }).to_string()).await;
    assert_eq!(code_of(&answer), (400, "invalid_body"));
}

#[tokio::test]
async fn a_worker_keeps_the_isolation_that_it_was_deployed_with() {
    for isolation in [json!("sandbox"), json!("process"), json!(null)] {
        let app = TestApp::start();
        let body = json!({ "name": "n", "code": CODE, "isolation": isolation }).to_string();
        let (status, answer) = app.post_json(PATH, body).await;
        assert_eq!((status, &answer["isolation"]), (201, &isolation));
        let path = format!("{PATH}/{}/redeploy", answer["id"].as_str().unwrap());
        let (status, answer) = app.post_json(&path, "").await;
        assert_eq!((status, &answer["isolation"]), (200, &isolation));
    }
    for isolation in [json!("none"), json!("Sandbox"), json!(1), json!({})] {
        let answer = refused(json!({ "name": "n", "code": CODE, "isolation": isolation }).to_string()).await;
        assert_eq!(code_of(&answer), (400, "invalid_isolation"));
    }
}

#[tokio::test]
async fn malformed_json_is_reported_with_its_position() {
    let answer = refused("{\"name\": \"n\",\n oops}").await;
    assert_eq!(code_of(&answer), (400, "invalid_json"));
    assert_eq!((&answer.1["line"], &answer.1["column"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn an_empty_body_is_malformed_json() {
    assert_eq!(code_of(&refused("").await), (400, "invalid_json"));
}

#[tokio::test]
async fn invalid_utf_8_is_malformed_json() {
    assert_eq!(code_of(&refused(&b"{\"name\":\"\xff\xfe\",\"code\":\"\"}"[..]).await), (400, "invalid_json"));
}

#[tokio::test]
async fn a_hundred_thousand_nested_brackets_are_refused() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(code_of(&refused(deep.clone()).await), (400, "invalid_body"));
    assert_eq!(code_of(&refused(format!("{{\"name\":{deep}}}")).await), (400, "invalid_body"));
    assert_eq!(code_of(&refused(json!({ "name": "n", "code": deep }).to_string()).await), (400, "too_deep"));
}

#[tokio::test]
async fn code_over_the_limit_is_refused() {
    let app = TestApp::builder().service(|options| options.max_code_bytes = 100).start();
    let (status, body) = app.post_json(PATH, json!({ "name": "n", "code": "a".repeat(101) }).to_string()).await;
    assert_eq!((status, &body["code"], &body["limit"]), (413, &json!("code_too_large"), &json!(100)));
}

#[tokio::test]
async fn code_at_the_limit_is_accepted_however_it_is_escaped() {
    let app = TestApp::builder().service(|options| options.max_code_bytes = CODE.len()).start();
    let escaped: String =
        CODE.chars().flat_map(|symbol| format!("\\u{:04x}", u32::from(symbol)).into_bytes()).map(char::from).collect();
    let (status, body) = app.post_json(PATH, format!("{{\"name\":\"n\",\"code\":\"{escaped}\"}}")).await;
    assert_eq!(status, 201, "{body}");
}

#[tokio::test]
async fn a_body_of_64_mib_is_refused_with_an_answer_that_arrives() {
    let app = TestApp::start();
    let mut client = RawClient::connect(app.address).await;
    // Behaves like a simple client: sends the whole body before it reads anything.
    client.post(PATH, "X-Request-Id: test\r\n", &vec![b' '; 64 * 1024 * 1024]).await;
    let answer = client.read_until("}").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"code\":\"body_too_large\""), "{answer}");
    app.deploy().await;
}

#[tokio::test]
async fn a_body_of_64_mib_whose_length_is_not_announced_is_refused_with_an_answer_that_arrives() {
    let app = TestApp::start();
    let mut client = RawClient::connect(app.address).await;
    client.send(b"POST /api/workers HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 0x0010_0000], b"\r\n"].concat();
    for _ in 0..64 {
        client.send(&chunk).await;
    }
    client.send(b"0\r\n\r\n").await;
    let answer = client.read_until("}").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let app = TestApp::start();
    let request = app.request(reqwest::Method::POST, PATH).header("content-encoding", "gzip").body("…");
    let answer = status_and_json(request.send().await.unwrap()).await;
    assert_eq!(code_of(&answer), (415, "unsupported_encoding"));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let app = TestApp::builder().http(|options| options.body_timeout = std::time::Duration::from_millis(1)).start();
    let mut client = RawClient::connect(app.address).await;
    client.send(b"POST /api/workers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{").await;
    let answer = client.read_until("}").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_failing_sandbox_provider_is_a_bad_gateway_without_internals() {
    let app = TestApp::start();
    app.sandboxes.fail_with(Some(SandboxErrorKind::Unavailable));
    let (status, body) = app.post_json(PATH, json!({ "name": "n", "code": CODE }).to_string()).await;
    assert_eq!((status, &body["code"]), (502, &json!("sandbox_failed")));
    assert!(!body["error"].as_str().unwrap().contains("the test asked"));
    let kept = app.get(&format!("{PATH}/{}", body["workerId"].as_str().unwrap())).await;
    assert_eq!(status_and_json(kept).await.1["status"], "error");
}

#[tokio::test]
async fn a_database_that_is_away_is_worth_another_try() {
    let app = TestApp::start();
    app.store.fail("the cable is out");
    let response = app.post(PATH, json!({ "name": "n", "code": CODE }).to_string()).await;
    assert_eq!(response.headers()["retry-after"], "5");
    let (status, body) = status_and_json(response).await;
    assert_eq!((status, &body["code"]), (503, &json!("database_unavailable")));
    assert!(!body.to_string().contains("cable"));
}
