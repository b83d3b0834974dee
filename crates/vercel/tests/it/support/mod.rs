//! A server with as much of the API as the tests need, which fails in the ways that they request.

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

/// Longer than any successful operation takes, shorter than nextest's timeout.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long a test waits for something that is not going to happen.
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

/// Returns a client with very short timeouts.
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
    SandboxSpec { source, limits: ResourceLimits::default(), network: NetworkPolicy::AllowAll, kept_for: None }
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

/// Returns all events of a command up to its end.
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

/// Returns the standard output, followed by a bar and the standard error if there is any.
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

/// Returns how the command ended.
pub(crate) fn exit(events: &[CommandEvent]) -> CommandExit {
    match events.last() {
        Some(CommandEvent::Exited(exit)) => *exit,
        other => panic!("it did not end, but {other:?}"),
    }
}
