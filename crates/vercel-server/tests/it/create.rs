//! Creating sandboxes.

use serde_json::json;
use workers_domain::ports::{SandboxErrorKind, SandboxSource};

use crate::support::{TestServer, code, nulls};

#[tokio::test]
async fn a_new_sandbox_has_everything_that_clients_insist_on_and_no_null() {
    let server = TestServer::start().await;
    let answer = server
        .create(json!({
            "name": "demo", "ports": [3000], "resources": { "vcpus": 1 }, "timeout": 60000, "persistent": false,
            "tags": { "k": "v" }, "env": { "A": "b" }, "__interactive": true, "unknown": 1,
        }))
        .await;
    assert!(nulls(&answer).is_empty(), "{answer}");
    let (sandbox, session, route) = (&answer["sandbox"], &answer["session"], &answer["routes"][0]);
    assert_eq!(sandbox["name"], "demo");
    assert_eq!((&sandbox["status"], &session["status"]), (&json!("running"), &json!("running")));
    assert_eq!(
        (&sandbox["persistent"], &sandbox["vcpus"], &sandbox["memory"]),
        (&json!(false), &json!(1), &json!(2048))
    );
    assert_eq!((&sandbox["timeout"], &sandbox["tags"]), (&json!(60000), &json!({ "k": "v" })));
    assert_eq!(sandbox["currentSessionId"], session["id"]);
    assert_eq!((&session["cwd"], &session["interactivePort"]), (&json!("/vercel"), &json!(26661)));
    assert_eq!(route["port"], 3000);
    assert_eq!(route["url"], format!("https://{}.vercel.run", route["subdomain"].as_str().unwrap()));
    assert!(sandbox.get("env").is_none(), "an environment may hold secrets");
}

#[tokio::test]
async fn defaults_are_those_of_the_hosted_service() {
    let server = TestServer::start().await;
    let answer = server.create(json!({})).await;
    let sandbox = &answer["sandbox"];
    assert!(!sandbox["name"].as_str().unwrap().is_empty());
    assert_eq!(sandbox["persistent"], true);
    assert_eq!(
        (&sandbox["vcpus"], &sandbox["memory"], &sandbox["timeout"]),
        (&json!(2), &json!(4096), &json!(300_000))
    );
    assert_eq!((&sandbox["region"], &sandbox["failoverRegions"]), (&json!("iad1"), &json!([])));
    let spec = server.containers.specs().remove(0);
    assert_eq!((spec.source, spec.memory_bytes), (SandboxSource::Empty, 4096 << 20));
    assert_eq!(spec.disk_bytes, 3072 << 20, "a full disk is noticed before memory runs out");
}

#[tokio::test]
async fn a_name_can_be_taken_once_in_each_project() {
    let server = TestServer::start().await;
    server.create(json!({ "name": "demo" })).await;
    server.create(json!({ "name": "demo", "projectId": "prj_b" })).await;
    let (status, answer) = server.post("/v3/sandboxes", json!({ "projectId": "prj_a", "name": "demo" })).await;
    assert_eq!((status, code(&answer)), (400, "bad_request"));
    assert_eq!(answer["error"]["message"], "A sandbox with the name 'demo' already exists for this project.");
}

#[tokio::test]
async fn a_failure_leaves_the_name_free() {
    let server = TestServer::start().await;
    for (kind, status) in [(SandboxErrorKind::Unavailable, 503), (SandboxErrorKind::Failed, 500)] {
        server.containers.fail_with(Some(kind));
        let (answered, _) = server.post("/v3/sandboxes", json!({ "projectId": "prj_a", "name": "demo" })).await;
        assert_eq!(answered, status);
    }
    server.containers.fail_with(None);
    server.create(json!({ "name": "demo" })).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_sentence() {
    let server = TestServer::start().await;
    let many_tags: serde_json::Map<_, _> = (0..6).map(|n| (format!("t{n}"), json!("v"))).collect();
    for (body, expected) in [
        (json!({ "name": "a b" }), "bad_request"),
        (json!({ "name": "" }), "bad_request"),
        (json!({ "timeout": 999 }), "bad_request"),
        (json!({ "timeout": 90_000_000 }), "bad_request"),
        (json!({ "timeout": "5m" }), "bad_request"),
        (json!({ "resources": { "vcpus": 3 } }), "bad_request"),
        (json!({ "resources": { "vcpus": 34 } }), "bad_request"),
        (json!({ "resources": { "vcpus": 2, "memory": 1 } }), "bad_request"),
        (json!({ "ports": [80] }), "bad_request"),
        (json!({ "ports": [23456] }), "bad_request"),
        (json!({ "tags": many_tags }), "bad_request"),
        (json!({ "env": { "A=B": "c" } }), "bad_request"),
        (json!({ "snapshotExpiration": 1000 }), "bad_request"),
        (json!({ "keepLastSnapshots": { "count": 11 } }), "bad_request"),
        (json!({ "region": "sfo1", "failoverRegions": ["sfo1"] }), "bad_request"),
        (json!({ "runtime": "node24", "image": "vercel/sandbox/node:24" }), "bad_request"),
        (json!({ "runtime": "node22" }), "not_supported"),
        (json!({ "image": "ubuntu" }), "not_supported"),
        (json!({ "source": { "type": "git", "url": "https://example.com/a.git" } }), "not_supported"),
        (json!({ "mounts": { "/data": { "drive": "d" } } }), "not_supported"),
        (json!({ "networkId": "net" }), "not_supported"),
    ] {
        let (status, answer) = server.post("/v3/sandboxes", body.clone()).await;
        assert_eq!((status, code(&answer)), (400, expected), "{body}: {answer}");
    }
    assert_eq!(server.containers.containers_made(), 0);
}

#[tokio::test]
async fn our_runtime_and_images_are_accepted() {
    let server = TestServer::start().await;
    let (status, _) = server.post("/v2/sandboxes", json!({ "projectId": "prj_a", "runtime": "node24" })).await;
    assert_eq!(status, 200);
    for image in ["vercel/sandbox/universal", "vercel/sandbox/universal@sha256:ab", "vercel/sandbox/node:24"] {
        assert_eq!(server.create(json!({ "image": image })).await["sandbox"]["image"], image);
    }
}

#[tokio::test]
async fn no_more_sessions_run_than_may() {
    let server = TestServer::with(|options| options.max_sessions = 1).await;
    let session = server.session("one", false).await;
    let response = server.send(reqwest::Method::POST, "/v3/sandboxes", Some(json!({ "name": "two" }))).await;
    assert_eq!(response.status(), 429);
    assert!(response.headers().contains_key("retry-after"));
    server.post(&format!("{session}/stop"), json!({})).await;
    server.create(json!({ "name": "two" })).await;
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    for path in
        ["/v2/sandboxes/drives".to_owned(), "/v2/sandboxes/drives/d/fork".to_owned(), format!("{session}/interactive")]
    {
        let (status, answer) = server.post(&path, json!({})).await;
        assert_eq!((status, code(&answer)), (400, "not_supported"), "{path}");
    }
    let (status, answer) = server.post(&format!("{session}/cmd/cmd_1/stdin"), json!({})).await;
    assert_eq!((status, code(&answer)), (400, "command_stdin_unavailable"));
    let (status, answer) = server.get("/v9/nothing").await;
    assert_eq!((status, code(&answer)), (404, "not_found"));
    let (status, answer) = server.delete(&format!("{session}/stop")).await;
    assert_eq!((status, code(&answer)), (405, "method_not_allowed"));
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let server = TestServer::start().await;
    let response = server.request(reqwest::Method::POST, "/v3/sandboxes").body("{").send().await.unwrap();
    let (status, answer) = crate::support::parsed(response).await;
    assert_eq!((status, code(&answer)), (400, "bad_request"));
    let response =
        server.request(reqwest::Method::POST, "/v3/sandboxes").body(vec![b' '; 5 << 20]).send().await.unwrap();
    let (status, answer) = crate::support::parsed(response).await;
    assert_eq!((status, code(&answer)), (413, "payload_too_large"));
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_written_down_is_not_made_and_its_name_stays_free() {
    let server = TestServer::start().await;
    for kind in ["sandboxes", "sessions"] {
        let folder = server.directory.path().join("sandboxes/records").join(kind);
        let aside = folder.with_extension("aside");
        std::fs::rename(&folder, &aside).unwrap();
        std::fs::write(&folder, "no folder").unwrap();
        let (status, answer) = server.post("/v3/sandboxes", json!({ "projectId": "prj_a", "name": "demo" })).await;
        assert_eq!((status, code(&answer)), (503, "storage_unavailable"), "{kind}");
        server.containers.wait_for_live_containers(0).await;
        std::fs::remove_file(&folder).unwrap();
        std::fs::rename(&aside, &folder).unwrap();
        server.session("demo", false).await;
        assert_eq!(server.delete("/v2/sandboxes/demo").await.0, 200);
    }
}

#[tokio::test]
async fn a_team_has_no_more_sandboxes_than_may_be() {
    let server = TestServer::with(|options| options.max_sandboxes = 2).await;
    server.create(json!({ "name": "a", "persistent": false })).await;
    server.create(json!({ "name": "b", "projectId": "prj_b", "persistent": false })).await;
    let more = json!({ "projectId": "prj_a", "name": "c" });
    let (status, answer) = server.post("/v3/sandboxes", more.clone()).await;
    assert_eq!((status, code(&answer)), (400, "too_many_sandboxes"));
    server.delete("/v2/sandboxes/a").await;
    assert_eq!(server.post("/v3/sandboxes", more).await.0, 200);
}

#[tokio::test]
async fn an_environment_of_a_sandbox_that_is_too_large_is_refused() {
    let server = TestServer::start().await;
    let env = json!({ "A": "x".repeat(128 << 10) });
    let body = json!({ "projectId": "prj_a", "name": "demo", "env": env });
    let (status, answer) = server.post("/v3/sandboxes", body).await;
    assert_eq!((status, code(&answer)), (400, "bad_request"));
    server.session("demo", false).await;
    assert_eq!(server.patch("/v2/sandboxes/demo", json!({ "env": env })).await.0, 400);
}
