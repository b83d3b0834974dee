//! Checks the programs in `examples/`.

use std::path::PathBuf;
use std::process::Command;

/// Returns a command for an example's program, which cargo builds beside the tests.
fn example(name: &str) -> Command {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_workersd")).with_file_name("examples").join(name);
    assert!(program.exists(), "{} is missing: build it with `cargo build --examples`", program.display());
    Command::new(program)
}

#[test]
fn embed_service_deploys_and_invokes_without_http() {
    let output = example("embed_service").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [deployed, log, end] = printed.lines().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(deployed, r#"deployed greeter with [FunctionName("greet")]"#);
    assert!(log.starts_with("Log(") && log.contains(r#"message: "greeting Ada""#), "{log}");
    assert!(end.starts_with("Finished(") && end.contains(r#"Returned { result: JsonText("\"hello Ada\"")"#), "{end}");
}

#[test]
fn embed_http_serves_our_routes_beside_its_own() {
    let output = example("embed_http").arg("--self-test").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("GET / -> own page"), "{printed}");
    assert!(printed.contains("GET /functions/api/workers -> []"), "{printed}");
    // The bare path redirects to the console.
    let (_, console) = printed.split_once("GET /functions -> ").unwrap();
    assert!(console.contains("<title>Acme Functions</title>") && console.ends_with("from /functions/\n"), "{printed}");
}

#[test]
fn embed_axum_answers_with_results_and_streams_log_lines() {
    let output = example("embed_axum").arg("--self-test").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (_, answers) = printed.split_once('\n').unwrap();
    let expected = [
        r#"POST /run/greet -> 200 "hello Ada""#,
        "POST /log/greet -> 200 greeting Ada",
        "returned",
        "",
        "POST /run/grete -> 404 the worker has no function `grete`",
        "",
    ];
    assert_eq!(answers, expected.join("\n"));
}
