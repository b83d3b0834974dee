//! Remembers where each option was set: by a flag, by a variable, or by a key of the file. Messages then name what the
//! operator wrote.

use std::collections::HashMap;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

/// The name of the file in the data directory that can hold options.
pub(super) const FILE_NAME: &str = "workers.toml";

/// For each option, the name under which it was set.
#[derive(Debug, Clone, Default)]
pub(crate) struct OptionSources(HashMap<String, String>);

impl OptionSources {
    /// Returns the name under which an option was set. `option` is the flag without the dashes. An option that is
    /// neither on the command line nor in the environment is in the file.
    pub(crate) fn name(&self, option: &str) -> String {
        match self.0.get(option) {
            Some(name) => name.clone(),
            None => format!("`{}` in {FILE_NAME}", key(option)),
        }
    }

    /// Records how the options of a command were set.
    pub(super) fn of(command: &Command, matches: &ArgMatches) -> Self {
        let name = |argument: &Arg| {
            let flag = argument.get_long()?;
            let name = match matches.value_source(argument.get_id().as_str())? {
                ValueSource::CommandLine => format!("--{flag}"),
                ValueSource::EnvVariable => argument.get_env()?.to_str()?.to_owned(),
                _ => return None,
            };
            Some((flag.to_owned(), name))
        };
        Self(command.get_arguments().filter_map(name).collect())
    }
}

/// Returns the key of an option in the file.
fn key(option: &str) -> String {
    // Options of the brand have a table of their own.
    option.strip_prefix("branding-").map_or_else(|| option.to_owned(), |key| format!("branding.{key}"))
}
