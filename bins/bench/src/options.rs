//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use crate::load::MinimumLoad;
use crate::peers::{Peer, Programs};
use crate::platform::Setup;

/// Measures the platform beside its peers.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// The server to measure
    #[arg(long, value_name = "FILE")]
    workersd: PathBuf,
    /// The Node.js of server and peers
    #[arg(long, env = "WORKERS_NODE", value_name = "FILE")]
    node: PathBuf,
    /// Where `./just setup-bench` has installed the peers
    #[arg(long, default_value = ".tools/peers", value_name = "DIR")]
    peers_dir: PathBuf,
    /// Rounds over all targets
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Requests a round, a target and a number of clients, at least
    #[arg(long, default_value_t = 200)]
    requests: usize,
    /// Seconds of the same, at least
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Numbers of clients
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 8, 32])]
    pub(crate) clients: Vec<usize>,
    /// The peers to measure; none if the list is empty
    #[arg(long, value_enum, value_delimiter = ',', num_args = 0.., default_values = ["embedded", "node", "bwrap", "deno", "bun", "workerd", "functions-framework"])]
    pub(crate) peers: Vec<Peer>,
    /// Modes of the server's `--templates`: one server a mode, with rows of its own
    #[arg(long, value_delimiter = ',', value_name = "MODE")]
    templates: Vec<String>,
    /// Levels of the server's `--isolation`: one server a level, with rows of its own
    #[arg(long, value_delimiter = ',', value_name = "LEVEL")]
    isolation: Vec<String>,
    /// Sandboxes that run while their memory is measured; 0 leaves that out
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) sandboxes: usize,
    /// Runs this many invocations more, and checks whether anything piles up
    #[arg(long, value_name = "N")]
    pub(crate) leak_check: Option<usize>,
    /// Runs this many invocations and measures nothing else; fails if anything has piled up or an invocation has failed
    #[arg(long, value_name = "N", conflicts_with_all = ["leak_check", "cold", "vercel"])]
    pub(crate) soak: Option<usize>,
    /// Deploys this many workers more, and invokes some of them for the first time
    #[arg(long, value_name = "N")]
    pub(crate) cold: Option<usize>,
    /// Measures the way over the cloud's API, and nothing else
    #[arg(long)]
    pub(crate) vercel: bool,
    /// Where `scripts/install-vercel-clients.sh` has installed the official clients of that API
    #[arg(long, default_value = ".tools/vercel", value_name = "DIR")]
    vercel_clients: PathBuf,
    /// Further arguments of the server, behind `--`
    #[arg(last = true, value_name = "SERVER OPTION")]
    server: Vec<String>,
}

impl Options {
    /// Returns how to start each of the servers.
    pub(crate) fn servers(&self) -> anyhow::Result<Vec<Setup>> {
        let program = self.workersd.canonicalize().context("there is no server there; run `./just build`")?;
        let node = self.node()?;
        let setup = |templates, isolation| Setup {
            program: program.clone(),
            node: node.clone(),
            templates,
            isolation,
            arguments: self.server.clone(),
            environment: Vec::new(),
        };
        // One server where an option is not set.
        let each =
            |values: &[String]| if values.is_empty() { vec![None] } else { values.iter().cloned().map(Some).collect() };
        let levels = each(&self.isolation);
        let of_mode = |mode: Option<String>| levels.iter().map(move |level| (mode.clone(), level.clone()));
        Ok(each(&self.templates).into_iter().flat_map(of_mode).map(|(mode, level)| setup(mode, level)).collect())
    }

    /// Returns where the peers' programs are.
    pub(crate) fn programs(&self) -> anyhow::Result<Programs> {
        // A missing program is reported when it is started.
        let packages = std::path::absolute(&self.peers_dir)?;
        Ok(Programs { node: self.node()?, packages })
    }

    /// Returns where the official SDK is.
    pub(crate) fn vercel_programs(&self) -> anyhow::Result<Programs> {
        Ok(Programs { node: self.node()?, packages: std::path::absolute(&self.vercel_clients)? })
    }

    /// Returns how long a round is.
    pub(crate) fn enough(&self) -> anyhow::Result<MinimumLoad> {
        Ok(MinimumLoad { requests: self.requests, time: Duration::try_from_secs_f64(self.seconds)? })
    }

    fn node(&self) -> anyhow::Result<PathBuf> {
        self.node.canonicalize().context("there is no Node.js there; run `./just setup`")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::Options;

    fn parse(arguments: &[&str]) -> Options {
        let needed = ["bench", "--workersd", "/bin/true", "--node", "/bin/true"];
        Options::try_parse_from(needed.iter().chain(arguments)).unwrap()
    }

    #[test]
    fn all_peers_are_measured_unless_some_are_named() {
        assert_eq!(parse(&[]).peers.len(), 7);
        assert_eq!(parse(&["--peers", "bwrap,deno"]).peers.len(), 2);
        assert_eq!(parse(&["--peers", "--rounds", "1"]).peers.len(), 0);
    }

    #[test]
    fn a_soak_is_the_only_thing_that_is_measured() {
        assert_eq!(parse(&["--soak", "20000"]).soak, Some(20_000));
        let needed = ["bench", "--workersd", "/bin/true", "--node", "/bin/true"];
        assert!(Options::try_parse_from(needed.into_iter().chain(["--soak", "1", "--cold", "1"])).is_err());
    }

    #[test]
    fn there_is_a_server_for_every_mode_and_options_behind_the_dashes_reach_them() {
        let servers = parse(&["--templates", "none,worker", "--", "--concurrency", "9"]).servers().unwrap();
        let modes: Vec<_> = servers.iter().map(|server| server.templates.as_deref()).collect();
        assert_eq!(
            (modes, servers[1].arguments.join(" ")),
            (vec![Some("none"), Some("worker")], "--concurrency 9".into())
        );
        assert_eq!(parse(&[]).servers().unwrap()[0].templates, None);
    }
}
