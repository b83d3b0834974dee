//! Reads the command line and the environment.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};

use super::option_sources::OptionSources;
use super::options::Cli;

/// Variables that count also when they are empty: an empty secret is a mistake, and must not open the server to
/// everyone.
const SECRETS: [&str; 2] = ["WORKERS_ADMIN_TOKEN", "WORKERS_VERCEL_API_TOKENS"];

impl Cli {
    /// Reads the command line and the environment. Ends the process with a message if they are not usable, or with the
    /// help if that is what the arguments ask for.
    pub(crate) fn read() -> Self {
        Self::try_read(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Does the same for these arguments, the program's name first.
    pub(crate) fn try_read(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, clap::Error> {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let mut command = Self::command().mut_subcommands(|command| command.mut_args(without_empty_variable));
        // An argument formats as text, which error messages contain, only after its command is built.
        command.build();
        let matches = command
            .try_get_matches_from_mut(&arguments)
            .map_err(|error| name_variable(error, command_of(&command, &arguments), &arguments))?;
        let mut cli = Self::from_arg_matches(&matches)?;
        if let Some((name, matches)) = matches.subcommand()
            && let Some(command) = command.find_subcommand(name)
        {
            cli.command.database_mut().sources = OptionSources::of(command, matches);
        }
        Ok(cli)
    }
}

/// Ignores an empty variable, as if it were not set: this is how a file of variables leaves one out.
fn without_empty_variable(argument: Arg) -> Arg {
    let is_empty = argument.get_env().is_some_and(|name| {
        !SECRETS.iter().any(|secret| name == *secret) && std::env::var_os(name).is_some_and(|value| value.is_empty())
    });
    if is_empty { argument.env(None::<&str>) } else { argument }
}

/// Returns the subcommand that the arguments are for.
fn command_of<'a>(command: &'a Command, arguments: &[OsString]) -> Option<&'a Command> {
    command.find_subcommand(arguments.get(1)?)
}

/// Makes an error about a value name the variable instead of the flag, if the value came from the variable.
fn name_variable(mut error: clap::Error, command: Option<&Command>, arguments: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) else { return error };
    let is_meant = |argument: &&Arg| argument.to_string() == *named;
    let Some(argument) = command.into_iter().flat_map(Command::get_arguments).find(is_meant) else { return error };
    let flag = format!("--{}", argument.get_long().unwrap_or_default());
    let is_on_the_line = arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .any(|argument| argument.strip_prefix(&flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')));
    let variable = argument.get_env().filter(|name| std::env::var_os(name).is_some());
    if let (false, Some(variable)) = (is_on_the_line, variable) {
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable.to_string_lossy().into_owned()));
    }
    error
}
