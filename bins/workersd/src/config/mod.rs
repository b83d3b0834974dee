//! Configuration. Flags take precedence over environment variables, and those over `workers.toml` in the data
//! directory.

mod branding;
mod capacity;
mod command_line;
mod option_sources;
mod options;
mod settings;
mod units;
mod vercel;

pub(crate) use options::{
    BackupOptions, Cli, DatabaseOptions, LogFormat, SandboxKind, ServeOptions, Subcommand, TemplateKind, Weaker,
};

pub(crate) use settings::{DatabaseSettings, Settings};
pub(crate) use vercel::VercelApiSettings;
