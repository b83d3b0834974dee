//! The clients of the API that are compared.

use std::net::SocketAddr;

use super::bare::Bare;
use super::client::Typed;
use super::port::Port;
use super::sdk::Sdk;
use super::stopwatch::{Run, Stopwatch};
use super::work::Work;
use crate::peers::Programs;

/// A client of the API, of one of four kinds.
pub(super) enum ApiClient {
    Bare(Box<Bare>),
    Client(Typed),
    Port(Port),
    Sdk(Box<Sdk>),
}

impl ApiClient {
    /// Returns all clients, over the API at this address.
    pub(super) fn all(address: SocketAddr, programs: &Programs) -> anyhow::Result<Vec<Self>> {
        Ok(vec![
            Self::Bare(Box::new(Bare::new(address)?)),
            Self::Client(Typed::new(address)?),
            Self::Port(Port::new(address)?),
            Self::Sdk(Box::new(Sdk::start(address, programs)?)),
        ])
    }

    /// Returns its name in tables.
    pub(super) const fn title(&self) -> &'static str {
        match self {
            Self::Bare(_) => "bare requests, one connection",
            Self::Client(_) => "**our client**",
            Self::Port(_) => "**our port**",
            Self::Sdk(_) => "@vercel/sandbox",
        }
    }

    /// Does the work. Returns the id of the snapshot that a deploy made.
    pub(super) async fn run(
        &mut self,
        work: Work,
        snapshot: &str,
        stopwatch: Stopwatch<'_>,
    ) -> anyhow::Result<(Run, Option<String>)> {
        match work {
            Work::Invocation => Ok((self.invoke(snapshot, stopwatch).await?, None)),
            Work::Deploy => self.deploy(stopwatch).await.map(|(run, made)| (run, Some(made))),
        }
    }

    async fn invoke(&mut self, snapshot: &str, stopwatch: Stopwatch<'_>) -> anyhow::Result<Run> {
        match self {
            Self::Bare(bare) => bare.invoke(snapshot, stopwatch).await,
            Self::Client(client) => client.invoke(snapshot, stopwatch).await,
            Self::Port(port) => port.invoke(snapshot, stopwatch).await,
            Self::Sdk(sdk) => sdk.invoke(snapshot, stopwatch).await,
        }
    }

    async fn deploy(&mut self, stopwatch: Stopwatch<'_>) -> anyhow::Result<(Run, String)> {
        match self {
            Self::Bare(bare) => bare.deploy(stopwatch).await,
            Self::Client(client) => client.deploy(stopwatch).await,
            Self::Port(port) => port.deploy(stopwatch).await,
            Self::Sdk(sdk) => sdk.deploy(stopwatch).await,
        }
    }
}
