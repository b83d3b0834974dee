//! Runs a program in a sandbox of its own and prints its output as it arrives.
//!
//! ```sh
//! export VERCEL_TOKEN=… VERCEL_TEAM_ID=… VERCEL_PROJECT_ID=…   # or VERCEL_OIDC_TOKEN=…
//! cargo run --package workers-vercel --example run
//! ```
//!
//! `VERCEL_API_BASE_URL` names another server with this API.

use std::env;
use std::io::Write as _;
use std::time::Duration;

use workers_vercel::{Client, CreateSandbox, Credentials, OutputStream, RunCommand, StreamEvent, UploadFile};

const PROGRAM: &str = "for (let i = 1; i <= 3; i++) {
    console.log('tick', i);
    await new Promise((resolve) => setTimeout(resolve, 500));
}
console.error('that was all');";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let variable = |name: &str| env::var(name).ok();
    let mut builder = Client::builder(Credentials::from_variables(variable)?);
    if let Some(base_url) = variable("VERCEL_API_BASE_URL") {
        builder = builder.base_url(base_url);
    }
    let client = builder.build()?;

    let name = format!("example-{}", std::process::id());
    let sandbox = CreateSandbox {
        // We choose the name, so that the sandbox can be deleted even if the response gets lost.
        name: Some(name.clone()),
        runtime: Some("node24".to_owned()),
        persistent: Some(false),
        timeout: Some(Duration::from_mins(1)),
        ..CreateSandbox::default()
    };
    let ran = run(&client, &sandbox).await;
    // Delete the sandbox whatever happened, so that nothing is left running.
    let deleted = client.delete_sandbox(&name).await;
    ran?;
    deleted?;
    Ok(())
}

async fn run(client: &Client, sandbox: &CreateSandbox) -> Result<()> {
    let session = client.create_sandbox(sandbox).await?.session;
    let program = UploadFile::new(format!("{}/program.mjs", session.cwd), PROGRAM);
    client.write_files(&session.id, vec![program]).await?;

    let command = RunCommand {
        program: "node".to_owned(),
        args: vec!["program.mjs".to_owned()],
        timeout: Some(Duration::from_secs(30)),
        ..RunCommand::default()
    };
    let mut running = client.run_command(&session.id, &command).await?;
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    while let Some(event) = running.events.next().await? {
        match event {
            StreamEvent::Output(output) => match output.stream {
                OutputStream::Stdout => stdout.write_all(output.text.as_bytes())?,
                OutputStream::Stderr => stderr.write_all(output.text.as_bytes())?,
            },
            StreamEvent::Finished(command) => {
                writeln!(stdout, "it exited with {:?}", command.exit_code)?;
            }
        }
    }
    Ok(())
}
