//! The work done with our client of the API.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use workers_vercel::{Client, CreateSandbox, Credentials, NetworkRules, RunCommand, Source, StreamEvent, UploadFile};

use super::api::{PROJECT, TEAM, TOKEN, base_url};
use super::stopwatch::{Run, Stopwatch};
use super::work::{ARGUMENTS, COMMAND_TIME, FILE, PROGRAM, RUNTIME, SANDBOX_TIME, TAG, file};

/// Our client.
pub(super) struct Typed {
    client: Client,
    number: u32,
    file: String,
}

impl Typed {
    pub(super) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { client: client(address)?, number: 0, file: file() })
    }

    pub(super) async fn invoke(&mut self, snapshot: &str, mut stopwatch: Stopwatch<'_>) -> anyhow::Result<Run> {
        let name = self.name();
        stopwatch.begin();
        let source = Source::Snapshot { snapshot_id: snapshot.to_owned() };
        let made = self
            .client
            .create_sandbox(&CreateSandbox { source: Some(source), ..sandbox(&name, NetworkRules::AllowAll) })
            .await?;
        let command = RunCommand {
            program: PROGRAM.to_owned(),
            args: ARGUMENTS.map(str::to_owned).to_vec(),
            timeout: Some(COMMAND_TIME),
            ..RunCommand::default()
        };
        let mut running = self.client.run_command(&made.session.id, &command).await?;
        while let Some(event) = running.events.next().await? {
            match event {
                StreamEvent::Output(_) => stopwatch.outcome(),
                StreamEvent::Finished(info) => anyhow::ensure!(info.exit_code == Some(0), "it ends so: {info:?}"),
            }
        }
        self.client.delete_sandbox(&name).await?;
        stopwatch.end()
    }

    pub(super) async fn deploy(&mut self, mut stopwatch: Stopwatch<'_>) -> anyhow::Result<(Run, String)> {
        let name = self.name();
        let file = UploadFile::new(format!("vercel/{FILE}"), self.file.clone());
        stopwatch.begin();
        let runtime = Some(RUNTIME.to_owned());
        let made =
            self.client.create_sandbox(&CreateSandbox { runtime, ..sandbox(&name, NetworkRules::DenyAll) }).await?;
        self.client.write_files(&made.session.id, vec![file]).await?;
        let snapshot = self.client.make_snapshot(&made.session.id, None).await?;
        stopwatch.outcome();
        self.client.delete_sandbox(&name).await?;
        Ok((stopwatch.end()?, snapshot.id))
    }

    fn name(&mut self) -> String {
        self.number += 1;
        format!("client-{}", self.number)
    }
}

/// Returns a client of the API at this address.
pub(super) fn client(address: SocketAddr) -> anyhow::Result<Client> {
    let credentials = Credentials::access_token(TOKEN, TEAM, PROJECT);
    Ok(Client::builder(credentials).base_url(base_url(address)).build()?)
}

fn sandbox(name: &str, rules: NetworkRules) -> CreateSandbox {
    let (tag, value) = TAG;
    CreateSandbox {
        name: Some(name.to_owned()),
        timeout: Some(SANDBOX_TIME),
        vcpus: Some(1),
        persistent: Some(false),
        tags: BTreeMap::from([(tag.to_owned(), value.to_owned())]),
        network_policy: Some(rules),
        ..CreateSandbox::default()
    }
}
