//! The vendor's name, logo and colour in the console.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize;
use workers_http::{Branding, Logo};

use super::option_sources::OptionSources;

/// The most bytes of a logo file that are read: more than a logo may have, so that a file that is too large is noticed.
const READ_AT_MOST: u64 = 1024 * 1024;

/// The options of the brand: in `workers.toml` as the table `branding`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct BrandingOptions {
    /// Name of the vendor that the console shows [default: Workers Platform]
    #[arg(id = "branding-name", long = "branding-name", env = "WORKERS_BRANDING_NAME", value_name = "NAME")]
    name: Option<String>,

    /// Logo that the console shows, an SVG, PNG, WebP, JPEG or ICO file of at most 512 KiB; in `workers.toml` its path
    /// starts from the data directory [default: ours]
    #[arg(id = "branding-logo", long = "branding-logo", env = "WORKERS_BRANDING_LOGO", value_name = "FILE")]
    logo: Option<PathBuf>,

    /// Colour of the console's buttons and links, as `#rrggbb` [default: ours]
    #[arg(id = "branding-accent", long = "branding-accent", env = "WORKERS_BRANDING_ACCENT", value_name = "COLOUR")]
    accent: Option<String>,
}

impl BrandingOptions {
    /// Fills the options that are not set from `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self { name: self.name.or(other.name), logo: self.logo.or(other.logo), accent: self.accent.or(other.accent) }
    }

    /// Resolves a relative path of the logo against the directory of the file that names it.
    pub(super) fn in_directory(self, directory: &Path) -> Self {
        Self { logo: self.logo.map(|path| directory.join(path)), ..self }
    }

    /// Reads the logo and returns the brand.
    pub(super) fn read(&self, sources: &OptionSources) -> anyhow::Result<Branding> {
        let mut branding = match &self.name {
            Some(name) => {
                Branding::new(name).with_context(|| format!("{} is not usable", sources.name("branding-name")))?
            }
            None => Branding::default(),
        };
        if let Some(path) = &self.logo {
            let source = || format!("{}, which is {},", sources.name("branding-logo"), path.display());
            let bytes = read(path).with_context(|| format!("{} cannot be read", source()))?;
            branding = branding.with_logo(Logo::new(bytes).with_context(|| format!("{} is not usable", source()))?);
        }
        if let Some(accent) = &self.accent {
            branding = branding
                .with_accent(accent)
                .with_context(|| format!("{} is not usable", sources.name("branding-accent")))?;
        }
        Ok(branding)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(READ_AT_MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
