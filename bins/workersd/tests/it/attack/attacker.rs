//! The attacker of a server: a worker with native code, or the root of a container.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::ACCEPT;
use serde_json::json;
use tokio::task::JoinHandle;
use workers_vercel::{Client, CreateSandbox, RunCommand, StreamEvent, UploadFile};

use super::programs::programs;
use super::server::Server;
use super::victim::{client, unique};

/// How an attack is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It replaces the worker's node.
    Exec,
    /// It runs within the worker's node, as a library.
    Library,
    /// It runs as root of a container.
    Container,
}

/// An attack on a server.
#[derive(Debug, Clone)]
pub(super) struct Attacker {
    words: &'static str,
    way: Way,
    copies: usize,
}

/// An attack that runs until this value is dropped, or until its time is over.
pub(super) struct Running {
    tasks: Vec<JoinHandle<()>>,
    /// The attack's containers. They must be deleted; they do not end with the attack.
    containers: Vec<String>,
    client: Client,
}

/// How long an attack runs at most.
const LIFE: Duration = Duration::from_secs(25);

/// How long an attack may take to begin.
const START: Duration = Duration::from_secs(12);

impl Attacker {
    const fn new(words: &'static str, way: Way) -> Self {
        // More copies than the server has threads on a small host.
        Self { words, way, copies: 3 }
    }

    pub(super) const fn worker(words: &'static str) -> Self {
        Self::new(words, Way::Exec)
    }

    pub(super) const fn library(words: &'static str) -> Self {
        Self::new(words, Way::Library)
    }

    pub(super) const fn container(words: &'static str) -> Self {
        Self::new(words, Way::Container)
    }

    /// Sets in how many sandboxes it runs at the same time.
    pub(super) const fn copies(self, copies: usize) -> Self {
        Self { copies, ..self }
    }

    /// Starts the attack. When this returns, the attack is in effect or was refused.
    pub(super) async fn start(&self, server: &Server) -> Running {
        let (mut tasks, mut containers, client) = (Vec::new(), Vec::new(), client(&server.api));
        for _ in 0..self.copies {
            let (begun, has_begun) = tokio::sync::oneshot::channel();
            let words = format!("attacker {} {}", LIFE.as_secs(), self.words);
            tasks.push(match self.way {
                Way::Container => {
                    let name = format!("attacker-{}", unique());
                    containers.push(name.clone());
                    tokio::spawn(attack_from_container(client.clone(), name, words, begun))
                }
                Way::Exec | Way::Library => {
                    let url = server.url.clone();
                    tokio::spawn(attack_from_worker(url, words, self.way == Way::Library, begun))
                }
            });
            // An attack that has not begun in time goes on in the background.
            if let Ok(begun) = tokio::time::timeout(START, has_begun).await {
                begun.expect("an attack can be started");
            }
        }
        Running { tasks, containers, client }
    }
}

impl Running {
    /// Ends the attack. When this returns nothing of it runs.
    pub(super) async fn end(self) {
        for name in &self.containers {
            self.client.delete_sandbox(name).await.unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Returns the code of a worker that contains the attacks.
fn bundle() -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    };
    let all = programs();
    format!(
        "import {{ writeFileSync }} from 'node:fs';
         const write = (path, hex) => writeFileSync(path, Buffer.from(hex, 'hex'), {{ mode: 0o755 }});
         export async function attack({{ words, library }}) {{
             if (library) {{
                 write('/tmp/attacker.so', '{}'); process.env.ATTACK = words;
                 try {{ process.dlopen({{ exports: {{}} }}, '/tmp/attacker.so') }} catch (error) {{ console.log(error.message) }}
                 await new Promise((done) => setTimeout(done, 30000));
             }} else {{
                 write('/tmp/attacker', '{}');
                 process.execve('/tmp/attacker', ['a', ...words.split(' ')], process.env);
             }}
         }}",
        hex(&all.library),
        hex(&all.attacker)
    )
}

async fn attack_from_worker(url: String, words: String, library: bool, begun: tokio::sync::oneshot::Sender<()>) {
    let http = workers_testing::http_client();
    let deployed =
        http.post(format!("{url}/api/workers")).json(&json!({"name": "attacker", "code": bundle()})).send().await;
    let deployed: serde_json::Value = deployed.unwrap().json().await.unwrap();
    let id = deployed["id"].as_str().unwrap_or_else(|| panic!("{deployed}"));
    let call = http.post(format!("{url}/api/workers/{id}/invoke/attack")).header(ACCEPT, "text/event-stream");
    let response = call.json(&json!({"words": words, "library": library})).send().await.unwrap();
    let mut body = response.bytes_stream();
    let (mut begun, mut text) = (Some(begun), String::new());
    while let Some(Ok(bytes)) = body.next().await {
        if begun.is_some() {
            text.push_str(&String::from_utf8_lossy(&bytes));
            if ["\"ready", "there is no attack", "event: error"].iter().any(|word| text.contains(word)) {
                begun.take().map(|begun| begun.send(()));
            }
        }
    }
    // The attack goes on, whatever the response is.
    begun.take().map(|begun| begun.send(()));
    std::future::pending::<()>().await;
}

async fn attack_from_container(client: Client, name: String, words: String, begun: tokio::sync::oneshot::Sender<()>) {
    let sandbox =
        CreateSandbox { name: Some(name), persistent: Some(false), vcpus: Some(1), ..CreateSandbox::default() };
    let session = client.create_sandbox(&sandbox).await.unwrap().session.id;
    let program = UploadFile { mode: 0o755, ..UploadFile::new("/tmp/attacker", programs().attacker.clone()) };
    client.write_files(&session, vec![program]).await.unwrap();
    let args = words.split(' ').map(str::to_owned).collect();
    let command = RunCommand { program: "/tmp/attacker".to_owned(), args, sudo: true, ..RunCommand::default() };
    let mut running = client.run_command(&session, &command).await.unwrap();
    let mut begun = Some(begun);
    while let Ok(Some(event)) = running.events.next().await {
        if matches!(event, StreamEvent::Output(output) if output.text.contains("ready")) {
            begun.take().map(|begun| begun.send(()));
        }
    }
    begun.take().map(|begun| begun.send(()));
    std::future::pending::<()>().await;
}
