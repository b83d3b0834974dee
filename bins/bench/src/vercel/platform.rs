//! The whole platform over HTTP: with sandboxes on this host, and with sandboxes of the API.

use std::net::SocketAddr;
use std::time::Duration;

use super::api::{base_url, credentials};
use super::count::{COUNTED, Count};
use super::counter::Counter;
use crate::load::{self, MinimumLoad, Round};
use crate::platform::{Server, Setup, warm_up};
use crate::report::{self, PlatformRow, Summary};
use crate::target::{PAYLOAD, Target, WORK};

/// The servers. Those with sandboxes on this host come first.
pub(super) struct Platforms {
    servers: Vec<Server>,
    /// For each server: the target for invocations and the target for deploys, with their rounds.
    targets: Vec<(Target, Vec<Round>)>,
    /// What an invocation and a deploy send to the API.
    counts: [Count; 2],
}

impl Platforms {
    /// Starts one server for each of these set-ups, and one more that takes its sandboxes from the API at this address.
    pub(super) async fn start(setups: &[Setup], api: SocketAddr) -> anyhow::Result<Self> {
        let mut servers = Vec::new();
        for setup in setups {
            let mut server = Server::start(setup, &["--sandbox", "local"])?;
            server.name += " `--sandbox local`";
            servers.push(server);
        }
        servers.push(over(&setups[0], api)?);
        let mut targets = Vec::new();
        for server in &servers {
            let worker = server.deploy(WORK).await?;
            warm_up(server, &worker).await?;
            targets.extend([(server.batch(&worker)?, Vec::new()), (server.deploys()?, Vec::new())]);
        }
        Ok(Self { servers, targets, counts: [Count::default(); 2] })
    }

    /// Counts the requests of a server that takes its sandboxes through this proxy.
    pub(super) async fn count(&mut self, setup: &Setup, counter: &Counter) -> anyhow::Result<()> {
        let server = over(setup, counter.address)?;
        // The requests that a server sends at its start are not counted.
        counter.all(0).await;
        let (mut invocations, mut deploys) = (Vec::new(), Vec::new());
        for _ in 0..=COUNTED {
            counter.reset();
            let worker = server.deploy(WORK).await?;
            deploys.push(counter.all(counter.answered()).await);
            counter.reset();
            server.invoke(&worker, PAYLOAD).await?;
            invocations.push(counter.all(counter.answered()).await);
        }
        self.counts = [Count::of(&invocations), Count::of(&deploys)];
        Ok(())
    }

    /// Runs one round.
    pub(super) async fn measure(&mut self, requests: usize, keep: bool) {
        for (target, rounds) in &mut self.targets {
            let round = load::run(target, 1, MinimumLoad { requests, time: Duration::ZERO }).await;
            rounds.extend(keep.then_some(round));
        }
    }

    /// Formats the table.
    pub(super) fn report(&self) -> String {
        let rows = self.targets.iter().enumerate().map(|(index, (target, rounds))| {
            // Each server has two targets, and the last server is the one over the API.
            let is_over_the_api = index / 2 + 1 == self.servers.len();
            PlatformRow {
                summary: Summary::new(1, target.name.clone(), rounds),
                count: is_over_the_api.then(|| self.counts[index % 2]),
            }
        });
        report::platforms(&rows.collect::<Vec<_>>())
    }
}

/// Starts a server that takes its sandboxes from the API at this address.
fn over(setup: &Setup, api: SocketAddr) -> anyhow::Result<Server> {
    let environment = credentials().map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let setup = Setup { templates: None, environment, ..setup.clone() };
    let mut server = Server::start(&setup, &["--sandbox", "vercel", "--vercel-base-url", &base_url(api)])?;
    server.name += " `--sandbox vercel`";
    Ok(server)
}
