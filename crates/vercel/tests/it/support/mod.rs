//! A server that speaks the API as far as tests need it, and fails in the ways that they ask for.

mod api;
mod reply;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use workers_domain::ports::{
    Command, CommandEvent, CommandExit, CommandSpec, Sandbox, SandboxProvider, SandboxSource, SandboxSpec,
};
use workers_domain::{LogStream, NetworkPolicy, ResourceLimits};
use workers_testing::TestClock;
use workers_vercel::{Client, ClientBuilder, Credentials, RetryPolicy, Timeouts, VercelOptions, VercelProvider};

pub(crate) use api::{FakeApi, Route, snapshot};
pub(crate) use reply::{Reply, finished, output, started};

/// Longer than anything takes that works, shorter than nextest's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a test waits for something that is not going to come.
pub(crate) const SHORT: Duration = Duration::from_millis(150);

pub(crate) fn timeouts() -> Timeouts {
    Timeouts {
        connect: PATIENCE,
        request: PATIENCE,
        create: PATIENCE,
        upload: PATIENCE,
        snapshot: PATIENCE,
        command_start: PATIENCE,
    }
}

pub(crate) fn builder(api: &FakeApi) -> ClientBuilder {
    Client::builder(Credentials::access_token("token_secret", "team_local", "prj_local"))
        .base_url(api.base_url())
        .timeouts(timeouts())
        .retry(RetryPolicy { pause: Duration::from_millis(4), ..RetryPolicy::default() })
}

pub(crate) fn client(api: &FakeApi) -> Client {
    builder(api).build().unwrap()
}

/// A client that waits a moment only.
pub(crate) fn hasty_client(api: &FakeApi) -> Client {
    let timeouts =
        Timeouts { request: SHORT, create: SHORT, upload: SHORT, snapshot: SHORT, command_start: SHORT, ..timeouts() };
    builder(api).timeouts(timeouts).build().unwrap()
}

pub(crate) fn options() -> VercelOptions {
    let mut options = VercelOptions::new("test-installation");
    (options.grace, options.clock) = (SHORT, Arc::new(TestClock::default()));
    options
}

pub(crate) fn provider(api: &FakeApi) -> VercelProvider {
    VercelProvider::new(client(api), options())
}

pub(crate) fn spec(source: SandboxSource) -> SandboxSpec {
    SandboxSpec { source, limits: ResourceLimits::default(), network: NetworkPolicy::AllowAll }
}

pub(crate) fn hasty_spec() -> SandboxSpec {
    let limits = ResourceLimits { wall_clock: SHORT, ..ResourceLimits::default() };
    SandboxSpec { limits, ..spec(SandboxSource::Empty) }
}

pub(crate) async fn sandbox(provider: &VercelProvider) -> Box<dyn Sandbox> {
    provider.create(spec(SandboxSource::Empty)).await.unwrap()
}

pub(crate) fn node() -> CommandSpec {
    CommandSpec::node_script("worker.mjs", Vec::new())
}

/// All events of a command to its end.
pub(crate) async fn events(command: &mut dyn Command) -> Vec<CommandEvent> {
    let mut events = Vec::new();
    let all = async {
        while let Some(event) = command.next_event().await.unwrap() {
            events.push(event);
        }
    };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "it does not end: {events:?}");
    events
}

/// What was printed on standard output, and behind a bar what was printed on standard error, if anything was.
pub(crate) fn printed(events: &[CommandEvent]) -> String {
    let of = |wanted: LogStream| {
        let bytes = events.iter().filter_map(|event| match event {
            CommandEvent::Output { stream, bytes } if *stream == wanted => Some(bytes.as_slice()),
            _ => None,
        });
        String::from_utf8(bytes.collect::<Vec<_>>().concat()).unwrap()
    };
    match of(LogStream::Stderr) {
        stderr if stderr.is_empty() => of(LogStream::Stdout),
        stderr => format!("{}|{stderr}", of(LogStream::Stdout)),
    }
}

/// How it ended.
pub(crate) fn exit(events: &[CommandEvent]) -> CommandExit {
    match events.last() {
        Some(CommandEvent::Exited(exit)) => *exit,
        other => panic!("it did not end, but {other:?}"),
    }
}
