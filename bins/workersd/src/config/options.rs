//! The options of the command line, the environment and `workers.toml`: one list for all three.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use serde::Deserialize;

use super::branding::BrandingOptions;
use super::capacity::{Factor, Reserve, Share};
use super::option_sources::OptionSources;
use super::units::{HumanDuration, Network, Range, Size, Switch};

/// Self-hosted serverless functions: deploy TypeScript, invoke it in a fresh sandbox, watch the logs arrive.
#[derive(Debug, Parser)]
#[command(name = "workersd", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Run the server.
    Serve(Box<ServeOptions>),
    /// Bring the database up to date, and exit.
    Migrate(DatabaseOptions),
    /// Write a copy of a SQLite database to a new file, while a server runs or not.
    Backup(BackupOptions),
    /// Say what this machine has and lacks, and what to do about it.
    Doctor(Box<ServeOptions>),
}

/// Where workers are kept.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DatabaseOptions {
    /// Directory for the database, snapshots and `workers.toml`
    #[arg(long, env = "WORKERS_DATA_DIR", value_name = "DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,

    /// `postgres://…` or `sqlite:…`; by default a SQLite file in the data directory
    // `--help` shows the values of variables, and a URL may contain a password.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,

    /// Where each option of the command was set.
    #[arg(skip)]
    pub(crate) sources: OptionSources,
}

impl Subcommand {
    /// Where workers are kept, which every command has to know.
    pub(super) fn database_mut(&mut self) -> &mut DatabaseOptions {
        match self {
            Self::Serve(options) | Self::Doctor(options) => &mut options.database,
            Self::Migrate(options) => options,
            Self::Backup(options) => &mut options.database,
        }
    }
}

/// What to copy, and where to.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BackupOptions {
    #[command(flatten)]
    pub(crate) database: DatabaseOptions,

    /// The copy; there must be no such file yet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// All options of a server.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub(crate) database: DatabaseOptions,

    #[command(flatten)]
    pub(crate) tunable: TunableOptions,

    /// Do not bring the database up to date at start
    #[arg(long, env = "WORKERS_NO_MIGRATE", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) no_migrate: Option<Switch>,

    /// How the log is written
    #[arg(long, env = "WORKERS_LOG_FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

/// Which sandboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SandboxKind {
    /// The embedded engine: isolated processes on this machine
    Local,
    /// The same without any isolation, for machines without namespaces and for code you trust
    LocalUnconfined,
    /// Vercel Sandboxes; needs `VERCEL_OIDC_TOKEN`, or `VERCEL_TOKEN` with `VERCEL_TEAM_ID` and `VERCEL_PROJECT_ID`
    Vercel,
}

/// A piece of the isolation that the operator does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Weaker {
    /// All sandboxes have the server's own user id, where the server is not root: they share what the kernel counts by
    /// user
    SharedUserId,
    /// All sandboxes of the offered Vercel API have one range of user ids, where the file system cannot map owners
    // The name is older than the word container, and stays as it is.
    #[value(name = "shared-machine-ids")]
    #[serde(rename = "shared-machine-ids")]
    SharedContainerIds,
}

/// Which invocations share a booted Node.js.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TemplateKind {
    /// None: every invocation starts its own
    None,
    /// The invocations of one worker
    Worker,
    /// All invocations, for a platform whose workers have one owner
    Shared,
}

/// How new each invocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum IsolationKind {
    /// A new process in a new sandbox
    Sandbox,
    /// A new process in a sandbox that is kept for its worker as long as no invocation has changed it
    Process,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

/// Writes the struct of options once for the command line and the file, and how one fills the gaps of the other.
macro_rules! tunable_options {
    ($($(#[$attribute:meta])* $field:ident: $kind:ty,)*) => {
        /// Options that can stand in `workers.toml` too, under the name of the flag.
        #[derive(Debug, Clone, Default, Args, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub(crate) struct TunableOptions {
            $($(#[$attribute])* pub(crate) $field: Option<$kind>,)*

            #[command(flatten)]
            pub(crate) branding: BrandingOptions,
        }

        impl TunableOptions {
            /// Takes from `other` what is not set here.
            pub(crate) fn or(self, other: Self) -> Self {
                Self { $($field: self.$field.or(other.$field),)* branding: self.branding.or(other.branding) }
            }
        }
    };
}

tunable_options! {
    /// Address to serve on; port 0 picks a free one [default: 127.0.0.1:3000]
    #[arg(long, env = "WORKERS_LISTEN", value_name = "ADDR")]
    listen: SocketAddr,

    /// Which sandboxes [default: local]
    #[arg(long, env = "WORKERS_SANDBOX", value_enum)]
    sandbox: SandboxKind,

    /// Start although this machine lacks a piece of the isolation; may be given several times [default: refuse to
    /// start]
    #[arg(long, env = "WORKERS_ALLOW_WEAKER", value_enum, value_name = "WHAT", value_delimiter = ',')]
    allow_weaker: Vec<Weaker>,

    /// Fork invocations from booted Node.js processes instead of starting one each: none, or one a worker, or one for
    /// all workers, who then share its address-space layout; see docs/security.md [default: worker]
    #[arg(long, env = "WORKERS_TEMPLATES", value_enum)]
    templates: TemplateKind,

    /// How new each invocation is: a process in a new sandbox, or a process in a sandbox that is kept for its worker as
    /// long as no invocation has changed it; see docs/security.md [default: sandbox]
    #[arg(long, env = "WORKERS_ISOLATION", value_enum)]
    isolation: IsolationKind,

    /// Node.js binary that runs workers, version 20 or later [default: the one that setup installed, else `node` from
    /// PATH]
    #[arg(long, env = "WORKERS_NODE", value_name = "FILE")]
    node: PathBuf,

    /// Where the Vercel API is that makes the sandboxes [default: Vercel's own]
    #[arg(long, env = "VERCEL_API_BASE_URL", value_name = "URL")]
    vercel_base_url: String,

    /// Region of sandboxes that Vercel makes [default: Vercel's own]
    #[arg(long, env = "WORKERS_VERCEL_REGION", value_name = "REGION")]
    vercel_region: String,

    /// Cores of sandboxes that Vercel makes, with 2 GiB of memory each [default: as many as --memory takes]
    #[arg(long, env = "WORKERS_VERCEL_VCPUS", value_name = "N")]
    vercel_vcpus: u32,

    /// Offer the Vercel Sandbox API too, at this address, over sandboxes of this machine [default: not at all]
    #[arg(long, env = "WORKERS_VERCEL_API", value_name = "ADDR")]
    vercel_api: SocketAddr,

    /// Secret that opens the offered Vercel API, as `TOKEN` or, for one team only, as `TEAM=TOKEN`; may be given
    /// several times. Without one the API is served to this machine only, and every program here may use it
    #[arg(long = "vercel-api-token", env = "WORKERS_VERCEL_API_TOKENS", value_name = "TOKEN", value_delimiter = ',', hide_env_values = true)]
    #[serde(rename = "vercel-api-token", alias = "vercel-api-tokens")]
    vercel_api_tokens: Vec<String>,

    /// Sandboxes that the offered Vercel API runs at one time; further ones get 429 [default: 256]
    #[arg(long, env = "WORKERS_VERCEL_API_SESSIONS", value_name = "N")]
    vercel_api_sessions: usize,

    /// What sandboxes of one team may take of all that there is for them, where tokens are bound to several teams
    /// [default: 50%]
    #[arg(long, env = "WORKERS_VERCEL_API_TEAM_SHARE", value_name = "PERCENT")]
    vercel_api_team_share: Share,

    /// Directory with the system (`usr` and `etc`) whose programs those sandboxes have [default: /]
    #[arg(long, env = "WORKERS_VERCEL_API_SYSTEM", value_name = "DIR")]
    vercel_api_system: PathBuf,

    /// Secret that opens the API; without one the server binds to loopback only
    #[arg(long, env = "WORKERS_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    admin_token: String,

    /// Web origin that may use the API from a browser, or `*`; may be given several times
    #[arg(long = "cors-origin", env = "WORKERS_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    #[serde(rename = "cors-origin", alias = "cors-origins")]
    cors_origins: Vec<String>,

    /// Serve the web console beside the API [default: true]
    #[arg(long, env = "WORKERS_CONSOLE", value_name = "BOOL")]
    console: Switch,

    /// Longest code of a worker [default: 10MiB]
    #[arg(long, env = "WORKERS_MAX_CODE", value_name = "SIZE")]
    max_code: Size,

    /// Longest payload of an invocation [default: 6MiB]
    #[arg(long, env = "WORKERS_MAX_PAYLOAD", value_name = "SIZE")]
    max_payload: Size,

    /// Longest result of an invocation [default: 6MiB]
    #[arg(long, env = "WORKERS_MAX_RESULT", value_name = "SIZE")]
    max_result: Size,

    /// Longest line of an invocation's log; the rest is dropped and counted [default: 16KiB]
    #[arg(long, env = "WORKERS_MAX_LOG_LINE", value_name = "SIZE")]
    max_log_line: Size,

    /// Longest log of an invocation; the rest is dropped and counted [default: 1MiB]
    #[arg(long, env = "WORKERS_MAX_LOG", value_name = "SIZE")]
    max_log: Size,

    /// Wall-clock time of an invocation [default: 30s]
    #[arg(long, env = "WORKERS_TIMEOUT", value_name = "TIME")]
    timeout: HumanDuration,

    /// Memory of an invocation [default: 256MiB]
    #[arg(long, env = "WORKERS_MEMORY", value_name = "SIZE")]
    memory: Size,

    /// Files an invocation may write, which count as memory too [default: 64MiB]
    #[arg(long, env = "WORKERS_DISK", value_name = "SIZE")]
    disk: Size,

    /// Processes and threads of an invocation [default: 64]
    #[arg(long, env = "WORKERS_PROCESSES", value_name = "N")]
    processes: u32,

    /// Hosts that an invocation may connect to: `deny-all`, `allow-all` (public addresses), or domains and ports, as
    /// `example.com,*.example.com,db.example.net:5432` [default: allow-all]
    #[arg(long, env = "WORKERS_NETWORK", value_name = "POLICY")]
    network: Network,

    /// Range of addresses that are not public, or the host's own, and may be connected to all the same, as
    /// `10.0.0.0/8`; may be given several times
    #[arg(long, env = "WORKERS_NETWORK_OPEN", value_name = "CIDR", value_delimiter = ',')]
    network_open: Vec<Range>,

    /// What is kept of this machine for the system and the server, as
    /// `memory=2GiB,processors=0.5,pids=4096,descriptors=512`; sandboxes have the rest [default: a tenth of memory, at
    /// least 512MiB, and of pids, a quarter of descriptors, no processor]
    #[arg(long, env = "WORKERS_RESERVE", value_name = "AMOUNTS")]
    reserve: Reserve,

    /// Grants sandboxes this many times the memory that there is; above 1 the kernel may have to kill some [default: 1]
    #[arg(long, env = "WORKERS_OVERCOMMIT_MEMORY", value_name = "FACTOR")]
    overcommit_memory: Factor,

    /// Grants sandboxes of the offered Vercel API together this many times the processors that there are: processor
    /// time is shared [default: 4]
    #[arg(long, env = "WORKERS_OVERCOMMIT_PROCESSORS", value_name = "FACTOR")]
    overcommit_processors: Factor,

    /// Invocations at one time [default: 4 a core, fewer where memory, processes or descriptors do not suffice]
    #[arg(long, env = "WORKERS_CONCURRENCY", value_name = "N")]
    concurrency: usize,

    /// Invocations of one worker at one time; the rest is always free for others [default: three quarters of
    /// --concurrency, 1 at least]
    #[arg(long, env = "WORKERS_MAX_CONCURRENT_PER_WORKER", value_name = "N")]
    max_concurrent_per_worker: usize,

    /// Invocations that wait in the queue; of further ones, those of the worker with most waiting get 429 [default:
    /// 1000]
    #[arg(long, env = "WORKERS_QUEUE", value_name = "N")]
    queue: usize,

    /// How long an invocation waits in the queue before it gets 429 [default: 10s]
    #[arg(long, env = "WORKERS_QUEUE_TIMEOUT", value_name = "TIME")]
    queue_timeout: HumanDuration,

    /// How long a client may take nothing of what is to be sent to it before its connection is closed; 0s: for ever
    /// [default: 30s]
    #[arg(long, env = "WORKERS_WRITE_TIMEOUT", value_name = "TIME")]
    write_timeout: HumanDuration,

    /// Results and other long answers that wait for clients to read them, all together; further results wait, and then
    /// get 429 [default: 256MiB]
    #[arg(long, env = "WORKERS_MAX_UNREAD", value_name = "SIZE")]
    max_unread: Size,

    /// How long a worker lives after its deploy [default: 7d]
    #[arg(long, env = "WORKERS_LIFETIME", value_name = "TIME")]
    lifetime: HumanDuration,

    /// How often expired workers are looked for [default: 60s]
    #[arg(long, env = "WORKERS_SWEEP_INTERVAL", value_name = "TIME")]
    sweep_interval: HumanDuration,

    /// How long running invocations may go on once the server was asked to stop [default: 30s]
    #[arg(long, env = "WORKERS_DRAIN_TIMEOUT", value_name = "TIME")]
    drain_timeout: HumanDuration,

    /// Connections to a Postgres database [default: 10]
    #[arg(long, env = "WORKERS_DATABASE_CONNECTIONS", value_name = "N")]
    database_connections: u32,

    /// How long a statement may take in a Postgres database, for example because its table is locked, before it is
    /// cancelled and the request fails [default: 10s]
    #[arg(long, env = "WORKERS_DATABASE_TIMEOUT", value_name = "TIME")]
    database_timeout: HumanDuration,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Variables whose names differ from their flags: those of other programs, and those that hold several values.
    const OTHER_VARIABLES: [(&str, &str); 4] = [
        ("database-url", "DATABASE_URL"),
        ("vercel-base-url", "VERCEL_API_BASE_URL"),
        ("vercel-api-token", "WORKERS_VERCEL_API_TOKENS"),
        ("cors-origin", "WORKERS_CORS_ORIGINS"),
    ];

    /// Options that are needed before the file is read, and those that are for one start.
    const NOT_IN_FILE: [&str; 4] = ["data-dir", "database-url", "no-migrate", "log-format"];

    #[test]
    fn every_option_has_one_name_on_the_command_line_in_the_environment_in_the_file_and_in_the_docs() {
        let page = include_str!("../../../../docs/operations.md");
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let options: Vec<_> = serve.get_arguments().filter(|argument| argument.get_env().is_some()).collect();
        assert!(options.len() > 40);
        for argument in options {
            let flag = argument.get_long().unwrap();
            let usual = format!("WORKERS_{}", flag.replace('-', "_").to_uppercase());
            let other = OTHER_VARIABLES.iter().find(|(other, _)| *other == flag).map(|(_, variable)| *variable);
            let variable = other.unwrap_or(&usual);
            assert_eq!(argument.get_env().unwrap(), variable, "--{flag}");
            let key = flag.strip_prefix("branding-").map_or(flag.to_owned(), |key| format!("branding.{key}"));
            // No option is a time of day, so the value is always refused. The key is refused only if it is no option.
            let refused = toml::from_str::<TunableOptions>(&format!("{key} = 07:32:00")).unwrap_err().to_string();
            let is_in_file = !NOT_IN_FILE.contains(&flag);
            assert_eq!(!refused.contains("unknown field"), is_in_file, "{refused}");
            let key = if is_in_file { format!("`{key}`") } else { "–".to_owned() };
            let row = format!("| `--{flag}` | `{variable}` | {key} |");
            assert!(page.contains(&row), "docs/operations.md lacks the row {row}");
        }
    }

    #[test]
    fn keys_of_files_that_were_written_before_are_read() {
        let file: TunableOptions =
            toml::from_str("cors-origins = ['https://a.example']\nvercel-api-tokens = ['team=secret']").unwrap();
        assert_eq!(file.cors_origins.unwrap(), ["https://a.example"]);
        assert_eq!(file.vercel_api_tokens.unwrap(), ["team=secret"]);
        let file: TunableOptions = toml::from_str("cors-origin = ['https://b.example']\nconsole = 'off'").unwrap();
        assert_eq!(
            (file.cors_origins.unwrap(), file.console),
            (vec!["https://b.example".to_owned()], Some(Switch(false)))
        );
    }

    #[test]
    fn the_words_of_an_option_are_the_same_on_the_command_line_and_in_the_file_and_never_change() {
        for (option, words) in [
            ("sandbox", &["local", "local-unconfined", "vercel"][..]),
            ("templates", &["none", "worker", "shared"]),
            ("isolation", &["sandbox", "process"]),
            ("allow-weaker", &["shared-user-id", "shared-machine-ids"]),
        ] {
            let command = Cli::command();
            let argument = command
                .find_subcommand("serve")
                .unwrap()
                .get_arguments()
                .find(|one| one.get_id() == &option.replace('-', "_"));
            let known: Vec<_> =
                argument.unwrap().get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            assert_eq!(known, words, "--{option}");
            for word in words {
                let value = if option == "allow-weaker" { format!("['{word}']") } else { format!("'{word}'") };
                toml::from_str::<TunableOptions>(&format!("{option} = {value}")).unwrap();
            }
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_fills_the_gaps() {
        let flags = TunableOptions { queue: Some(1), ..TunableOptions::default() };
        let file: TunableOptions =
            toml::from_str("queue = 2\nconcurrency = 3\ntimeout = '5s'\nmemory = '64MiB'").unwrap();
        let merged = flags.or(file);
        assert_eq!((merged.queue, merged.concurrency), (Some(1), Some(3)));
    }

    #[test]
    fn an_unknown_key_in_the_file_is_refused() {
        let error = toml::from_str::<TunableOptions>("tiemout = '5s'").unwrap_err();
        assert!(error.to_string().contains("tiemout"), "{error}");
    }
}
