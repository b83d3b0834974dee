//! Whose name, logo and colour the console shows.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize;
use workers_http::{Branding, Logo};

/// More of a logo than will do is not read.
const READ_AT_MOST: u64 = 1024 * 1024;

/// What can be said about the brand: in `workers.toml` as the table `branding`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct BrandingOptions {
    /// Name of the vendor that the console shows [default: Workers Platform]
    #[arg(id = "branding-name", long = "branding-name", env = "WORKERS_BRANDING_NAME", value_name = "NAME")]
    name: Option<String>,

    /// Logo that the console shows, an SVG, PNG, WebP, JPEG or ICO file of at most 512 KiB; in `workers.toml` its path starts from the
    /// data directory [default: ours]
    #[arg(id = "branding-logo", long = "branding-logo", env = "WORKERS_BRANDING_LOGO", value_name = "FILE")]
    logo: Option<PathBuf>,

    /// Colour of the console's buttons and links, as `#rrggbb` [default: ours]
    #[arg(id = "branding-accent", long = "branding-accent", env = "WORKERS_BRANDING_ACCENT", value_name = "COLOUR")]
    accent: Option<String>,
}

impl BrandingOptions {
    /// Takes from `other` what is not said here.
    pub(super) fn or(self, other: Self) -> Self {
        Self { name: self.name.or(other.name), logo: self.logo.or(other.logo), accent: self.accent.or(other.accent) }
    }

    /// Has a relative path start from the directory of the file that it stands in.
    pub(super) fn in_directory(self, directory: &Path) -> Self {
        Self { logo: self.logo.map(|path| directory.join(path)), ..self }
    }

    /// The brand, with the logo read.
    pub(super) fn read(&self) -> anyhow::Result<Branding> {
        let mut branding = match &self.name {
            Some(name) => Branding::new(name)
                .context("the name of [branding] (--branding-name, WORKERS_BRANDING_NAME) is not usable")?,
            None => Branding::default(),
        };
        if let Some(path) = &self.logo {
            let source =
                || format!("the logo {} of [branding] (--branding-logo, WORKERS_BRANDING_LOGO)", path.display());
            let bytes = read(path).with_context(|| format!("cannot read {}", source()))?;
            branding = branding.with_logo(Logo::new(bytes).with_context(|| format!("{} is not usable", source()))?);
        }
        if let Some(accent) = &self.accent {
            branding = branding
                .with_accent(accent)
                .context("the accent of [branding] (--branding-accent, WORKERS_BRANDING_ACCENT) is not usable")?;
        }
        Ok(branding)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(READ_AT_MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
