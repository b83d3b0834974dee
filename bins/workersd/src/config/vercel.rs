//! Settings for both sides of Vercel's API: as a client that gets sandboxes from it, and as a server that offers it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use workers_vercel_server::AccessToken;

use super::option_sources::OptionSources;
use super::options::TunableOptions;

/// Where and how to get sandboxes of Vercel.
pub(crate) struct VercelSettings {
    pub(crate) base_url: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) vcpus: Option<u32>,
}

/// The Vercel API that this server offers.
pub(crate) struct VercelApiSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) tokens: Vec<AccessToken>,
    /// The directory with the programs that containers have.
    pub(crate) system: PathBuf,
    /// The most sandboxes that run at one time.
    pub(crate) sessions: usize,
    /// The most that one team may take if there are tokens for several teams, in percent.
    pub(crate) team_share_percent: u32,
}

impl VercelSettings {
    pub(super) fn new(tunable: &TunableOptions) -> Self {
        Self {
            base_url: tunable.vercel_base_url.clone(),
            region: tunable.vercel_region.clone(),
            vcpus: tunable.vercel_vcpus,
        }
    }
}

impl VercelApiSettings {
    /// Returns `None` if the API is not to be offered.
    pub(super) fn new(tunable: &TunableOptions, sources: &OptionSources) -> anyhow::Result<Option<Self>> {
        let Some(listen) = tunable.vercel_api else { return Ok(None) };
        let tokens: anyhow::Result<Vec<_>> =
            tunable.vercel_api_tokens.iter().flatten().map(|text| token(text)).collect();
        let tokens = tokens.with_context(|| format!("{} is not usable", sources.name("vercel-api-token")))?;
        if tokens.is_empty() && !listen.ip().to_canonical().is_loopback() {
            bail!(
                "{}, which is {listen}, is reachable from other machines: set WORKERS_VERCEL_API_TOKENS, or listen on 127.0.0.1",
                sources.name("vercel-api")
            );
        }
        let system = tunable.vercel_api_system.clone().unwrap_or_else(|| "/".into());
        let sessions = tunable.vercel_api_sessions.unwrap_or(256);
        let team_share_percent = tunable.vercel_api_team_share.map_or(50, |share| share.0);
        Ok(Some(Self { listen, tokens, system, sessions, team_share_percent }))
    }
}

/// Parses `TOKEN` or `TEAM=TOKEN`.
fn token(text: &str) -> anyhow::Result<AccessToken> {
    Ok(match text.split_once('=') {
        Some((team, secret)) if !team.is_empty() => AccessToken::new(secret)?.for_team(team),
        _ => AccessToken::new(text)?,
    })
}
