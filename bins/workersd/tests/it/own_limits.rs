//! Limits that our own engine enforces and that a cloud does not offer.

use serde_json::json;

use crate::support::local::TestServer;

#[tokio::test]
async fn memory_beyond_the_limit_ends_the_invocation_and_nothing_else() {
    let server = TestServer::start(&["--memory", "128MiB"]);
    let code = "export function heap() { console.log('before'); const a = []; for (;;) a.push(new Array(1000).fill(a.length)); }
        export function buffers() { const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1)); }
        export function ok() { return 1 }";
    let id = server.deploy(code).await;
    for function in ["heap", "buffers"] {
        let (status, body) = server.call(&id, function, &json!({})).await;
        assert_eq!((status, body["code"].as_str()), (500, Some("out_of_memory")), "{function}: {body}");
    }
    assert_eq!(server.call(&id, "ok", &json!({})).await.0, 200);
}

#[tokio::test]
async fn a_fork_bomb_hurts_its_own_invocation_only() {
    let server = TestServer::start(&["--timeout", "3s"]);
    let code = "import { spawn } from 'node:child_process';
        export async function f() { for (;;) { const c = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']); c.on('error', () => {}); await new Promise(setImmediate); } }
        export function ok() { return 1 }";
    let id = server.deploy(code).await;
    let bomb = server.stream(&id, "f", &json!({})).await;
    let nothing = json!({});
    let (ok, bomb) = tokio::join!(server.call(&id, "ok", &nothing), bomb.all());
    assert_eq!(ok.0, 200);
    assert_eq!(bomb.last().unwrap().name, "error");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_directory_is_refused() {
    let server = TestServer::start(&[]);
    let output = crate::support::command()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&server.data_dir)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(sentence.contains("another"), "{sentence}");
}
