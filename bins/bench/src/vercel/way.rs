//! The ways to use the API.

use std::net::SocketAddr;

use super::bare::Bare;
use super::client::Typed;
use super::port::Port;
use super::sdk::Sdk;
use super::watch::{Run, Watch};
use super::work::Work;
use crate::peers::Programs;

/// A way to use the API: a kind of client.
pub(super) enum Way {
    Bare(Box<Bare>),
    Client(Typed),
    Port(Port),
    Sdk(Box<Sdk>),
}

impl Way {
    /// Returns all ways, over the API at this address.
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
        watch: Watch<'_>,
    ) -> anyhow::Result<(Run, Option<String>)> {
        match work {
            Work::Invocation => Ok((self.invoke(snapshot, watch).await?, None)),
            Work::Deploy => self.deploy(watch).await.map(|(run, made)| (run, Some(made))),
        }
    }

    async fn invoke(&mut self, snapshot: &str, watch: Watch<'_>) -> anyhow::Result<Run> {
        match self {
            Self::Bare(bare) => bare.invoke(snapshot, watch).await,
            Self::Client(client) => client.invoke(snapshot, watch).await,
            Self::Port(port) => port.invoke(snapshot, watch).await,
            Self::Sdk(sdk) => sdk.invoke(snapshot, watch).await,
        }
    }

    async fn deploy(&mut self, watch: Watch<'_>) -> anyhow::Result<(Run, String)> {
        match self {
            Self::Bare(bare) => bare.deploy(watch).await,
            Self::Client(client) => client.deploy(watch).await,
            Self::Port(port) => port.deploy(watch).await,
            Self::Sdk(sdk) => sdk.deploy(watch).await,
        }
    }
}
