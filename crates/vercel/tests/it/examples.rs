//! The example works against this project's own server of the API.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::process::Command;
use workers_domain::LogStream;
use workers_domain::ports::{ContainerCommandSpec, ExitStatus};
use workers_testing::{ContainerStep, FakeContainerProvider};
use workers_vercel::{Client, Credentials, ListSandboxes};
use workers_vercel_server::{VercelApplication, VercelServer, VercelServerOptions};

/// Returns the command for an example, whose program cargo builds beside the tests.
fn example(name: &str) -> Command {
    // The program of the tests is in `deps`; the examples are in a directory beside that.
    let tests = std::env::current_exe().unwrap();
    let program: PathBuf = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.exists(), "{} is missing: build it with `cargo build --examples`", program.display());
    Command::new(program)
}

/// Returns the output of the containers for the example's program, because they have no Node.js.
fn script(command: &ContainerCommandSpec) -> Option<Vec<ContainerStep>> {
    let is_expected = command.program == "node" && command.args == ["program.mjs"];
    is_expected.then(|| {
        vec![
            ContainerStep::Print(LogStream::Stdout, b"tick 1\n".to_vec()),
            ContainerStep::Print(LogStream::Stderr, b"that was all\n".to_vec()),
            ContainerStep::Exit(ExitStatus::Code(3)),
        ]
    })
}

#[tokio::test]
async fn run_prints_what_its_program_prints_and_leaves_no_sandbox() {
    let directory = tempfile::tempdir().unwrap();
    let containers = FakeContainerProvider::new(script);
    let options = VercelServerOptions::new(Arc::new(containers.clone()), directory.path().join("sandboxes"));
    let server = VercelServer::start(options).await.unwrap();
    let application = VercelApplication::bind("127.0.0.1:0".parse().unwrap(), server).unwrap();
    let base_url = format!("http://{}/api", application.local_addr());
    let stop = application.stop_handle();
    let running = tokio::spawn(application.run());

    let output = example("run")
        .env_clear()
        .env("VERCEL_API_BASE_URL", &base_url)
        .env("VERCEL_TOKEN", "token_local")
        .env("VERCEL_TEAM_ID", "team_local")
        .env("VERCEL_PROJECT_ID", "prj_local")
        .output()
        .await
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr, "that was all\n");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "tick 1\nit exited with Some(3)\n");
    assert_eq!(containers.containers_made(), 1);
    let credentials = Credentials::access_token("token_local", "team_local", "prj_local");
    let client = Client::builder(credentials).base_url(base_url).build().unwrap();
    assert_eq!(client.list_sandboxes(&ListSandboxes::default()).await.unwrap().items, []);

    stop.stop();
    running.await.unwrap().unwrap();
}
