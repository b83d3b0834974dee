//! The configuration in force, with all defaults filled in.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use workers_domain::{AddressRange, InvalidAllowedOriginError, Isolation, ResourceLimits};
use workers_engine::Templates;
use workers_http::{Access, AdminToken, HttpOptions};
use workers_private_files::close_data_directory;
use workers_service::{LogLimits, ServiceOptions};
use workers_storage::{DatabaseUrl, StorageOptions};

use super::capacity::{Factor, Reserve};
use super::option_sources::{FILE_NAME, OptionSources};
use super::options::{DatabaseOptions, IsolationKind, SandboxKind, ServeOptions, TemplateKind, TunableOptions, Weaker};
use super::units::Size;
use super::vercel::{VercelApiSettings, VercelSettings};

/// The configuration in force.
pub(crate) struct Settings {
    pub(crate) database: DatabaseSettings,
    /// Where each option was set, for messages.
    pub(crate) sources: OptionSources,
    pub(crate) migrate: bool,
    pub(crate) listen: SocketAddr,
    pub(crate) sandbox: SandboxKind,
    /// The parts of the isolation that the operator allows to be missing.
    pub(crate) allow_weaker: Vec<Weaker>,
    pub(crate) templates: TemplateKind,
    pub(crate) node: PathBuf,
    /// Addresses outside the public ranges that sandboxes may reach all the same.
    pub(crate) network_open: Vec<AddressRange>,
    pub(crate) http: HttpOptions,
    pub(crate) service: ServiceOptions,
    pub(crate) capacity: CapacitySettings,
    /// Where sandboxes come from if they are Vercel's.
    pub(crate) vercel: VercelSettings,
    /// The Vercel API that this server offers, if any.
    pub(crate) vercel_api: Option<VercelApiSettings>,
}

/// How much of the host sandboxes get.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CapacitySettings {
    pub(crate) reserve: Reserve,
    pub(crate) overcommit_memory: Factor,
    pub(crate) overcommit_processors: Factor,
    /// The limits for booted nodes when each worker has its own.
    pub(crate) templates: Templates,
    /// Whether the operator set the number of invocations that run at one time.
    pub(crate) concurrency_is_set: bool,
}

/// Where the database is.
pub(crate) struct DatabaseSettings {
    pub(crate) data_dir: PathBuf,
    pub(crate) url: DatabaseUrl,
    pub(crate) storage: StorageOptions,
}

impl DatabaseSettings {
    pub(crate) fn new(options: DatabaseOptions) -> anyhow::Result<Self> {
        // Not `canonicalize`, which fails for a directory that does not exist yet.
        let data_dir = std::path::absolute(&options.data_dir)
            .with_context(|| format!("cannot make {} an absolute path", options.data_dir.display()))?;
        let url = match options.database_url.filter(|url| !url.is_empty()) {
            Some(url) => {
                url.parse().with_context(|| format!("{} is not usable", options.sources.name("database-url")))?
            }
            None => DatabaseUrl::sqlite_file(data_dir.join("workers.sqlite3")),
        };
        Ok(Self { data_dir, url, storage: StorageOptions::default() })
    }
}

impl Settings {
    /// Reads the configuration: flags and environment first, then the file, then the defaults. Closes the data
    /// directory to other users.
    pub(crate) fn new(options: ServeOptions) -> anyhow::Result<Self> {
        let database = DatabaseSettings::new(options.database.clone())?;
        // This comes before anything in the directory is read and trusted.
        close_data_directory(&database.data_dir).context("cannot use the data directory")?;
        Self::inspect(options)
    }

    /// Does the same, but changes nothing. `workersd doctor` uses it.
    pub(crate) fn inspect(options: ServeOptions) -> anyhow::Result<Self> {
        let sources = options.database.sources.clone();
        let mut database = DatabaseSettings::new(options.database)?;
        let tunable = options.tunable.or(read_file(&database.data_dir.join(FILE_NAME))?);
        if let Some(connections) = tunable.database_connections {
            database.storage.max_connections = connections as usize;
        }
        if let Some(span) = tunable.database_timeout {
            if span.0.is_zero() {
                bail!("{} must be more than nothing", sources.name("database-timeout"));
            }
            database.storage.statement_timeout = span.0;
        }
        let listen = tunable.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)));
        let sandbox = tunable.sandbox.unwrap_or(SandboxKind::Local);
        let http = http_options(&tunable, &sources)?;
        check_bind(listen, sandbox, &http.access, &sources)?;
        Ok(Self {
            database,
            migrate: !options.no_migrate.is_some_and(|switch| switch.0),
            listen,
            sandbox,
            allow_weaker: tunable.allow_weaker.clone().unwrap_or_default(),
            templates: tunable.templates.unwrap_or(TemplateKind::Worker),
            node: find_node(tunable.node.clone()),
            network_open: tunable.network_open.iter().flatten().map(|range| range.0).collect(),
            http,
            service: service_options(&tunable, &sources)?,
            capacity: CapacitySettings {
                reserve: tunable.reserve.unwrap_or_default(),
                overcommit_memory: tunable.overcommit_memory.unwrap_or_default(),
                overcommit_processors: tunable.overcommit_processors.unwrap_or(Factor::FOUR),
                templates: Templates::default(),
                concurrency_is_set: tunable.concurrency.is_some(),
            },
            vercel: VercelSettings::new(&tunable),
            vercel_api: VercelApiSettings::new(&tunable, &sources)?,
            sources,
        })
    }
}

fn read_file(path: &Path) -> anyhow::Result<TunableOptions> {
    match read_owned(path) {
        Ok(text) => {
            let mut options: TunableOptions =
                toml::from_str(&text).with_context(|| format!("{} is not usable", path.display()))?;
            options.branding = options.branding.in_directory(path.parent().unwrap_or(Path::new("")));
            Ok(options)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(TunableOptions::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Reads a file that belongs to this user or to root. Others are refused, because the file decides which program runs
/// sandboxes and who may call the API.
fn read_owned(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    // The owner of the open file, so that another file cannot take its place between the check and the reading.
    let (owner, own) = (file.metadata()?.uid(), rustix::process::geteuid().as_raw());
    if owner != 0 && owner != own {
        let message =
            format!("it belongs to user {owner}, and this is user {own}: give it to this user (`chown {own}`)");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map(|_| text)
}

fn http_options(tunable: &TunableOptions, sources: &OptionSources) -> anyhow::Result<HttpOptions> {
    let mut http = HttpOptions::default();
    if let Some(token) = &tunable.admin_token {
        let token = AdminToken::new(token.clone());
        http.access = Access::Token(token.with_context(|| format!("{} is not usable", sources.name("admin-token")))?);
    }
    if let Some(origins) = &tunable.cors_origins {
        // A list in a variable may have an empty part, such as one behind its last comma.
        let origins = origins.iter().filter(|origin| !origin.trim().is_empty()).map(|origin| origin.parse());
        let origins: Result<_, InvalidAllowedOriginError> = origins.collect();
        http.cors_origins = origins.context("WORKERS_CORS_ORIGINS (--cors-origin) is not usable")?;
    }
    // A bad brand is refused even if the console is off: it is a mistake all the same.
    let branding = tunable.branding.read(sources)?;
    http.console = tunable.console.is_none_or(|switch| switch.0).then_some(branding);
    if let Some(span) = tunable.write_timeout {
        http.write_timeout = span.0;
    }
    if let Some(span) = tunable.drain_timeout {
        http.drain_timeout = span.0;
    }
    Ok(http)
}

fn service_options(tunable: &TunableOptions, sources: &OptionSources) -> anyhow::Result<ServiceOptions> {
    let mut options = ServiceOptions::default();
    let bytes = |option: &str, size: Option<Size>, default: usize| match size {
        Some(size) => usize::try_from(size.bytes())
            .with_context(|| format!("{} is larger than this machine can address", sources.name(option))),
        None => Ok(default),
    };
    options.max_code_bytes = bytes("max-code", tunable.max_code, options.max_code_bytes)?;
    options.max_payload_bytes = bytes("max-payload", tunable.max_payload, options.max_payload_bytes)?;
    options.max_result_bytes = bytes("max-result", tunable.max_result, options.max_result_bytes)?;
    options.max_unread_bytes = bytes("max-unread", tunable.max_unread, options.max_unread_bytes)?;
    options.log = LogLimits {
        line_bytes: bytes("max-log-line", tunable.max_log_line, options.log.line_bytes)?,
        total_bytes: bytes("max-log", tunable.max_log, options.log.total_bytes)?,
    };
    options.sandbox = ResourceLimits {
        memory_bytes: tunable.memory.map_or(options.sandbox.memory_bytes, Size::bytes),
        processes: tunable.processes.unwrap_or(options.sandbox.processes),
        wall_clock: tunable.timeout.map_or(options.sandbox.wall_clock, |span| span.0),
        disk_bytes: tunable.disk.map_or(options.sandbox.disk_bytes, Size::bytes),
    };
    options.network = tunable.network.clone().map_or(options.network, |network| network.0);
    options.isolation = match tunable.isolation {
        Some(IsolationKind::Process) => Isolation::Process,
        Some(IsolationKind::Sandbox) => Isolation::Sandbox,
        None => options.isolation,
    };
    options.max_concurrent_invocations = tunable.concurrency.unwrap_or(options.max_concurrent_invocations);
    options.max_concurrent_per_worker = tunable.max_concurrent_per_worker;
    options.max_queued_invocations = tunable.queue.unwrap_or(options.max_queued_invocations);
    options.queue_timeout = tunable.queue_timeout.map_or(options.queue_timeout, |span| span.0);
    options.worker_lifetime = tunable.lifetime.map_or(options.worker_lifetime, |span| span.0);
    options.sweep_interval = tunable.sweep_interval.map_or(options.sweep_interval, |span| span.0);
    if options.max_concurrent_invocations == 0 {
        bail!("{} must be at least 1", sources.name("concurrency"));
    }
    if options.max_concurrent_per_worker == Some(0) {
        bail!("{} must be at least 1", sources.name("max-concurrent-per-worker"));
    }
    if options.sandbox.memory_bytes < 64 * 1024 * 1024 {
        bail!("{} must be at least 64MiB: Node.js does not start with less", sources.name("memory"));
    }
    if options.sandbox.wall_clock.is_zero() {
        bail!("{} must be more than nothing", sources.name("timeout"));
    }
    if options.sandbox.processes < 16 {
        bail!("{} must be at least 16: Node.js has about a dozen threads of its own", sources.name("processes"));
    }
    Ok(options)
}

/// Refuses an address that other hosts can reach unless a token is set. A caller of the API controls the whole
/// platform, so the operator must decide who may call it.
fn check_bind(
    listen: SocketAddr,
    sandbox: SandboxKind,
    access: &Access,
    sources: &OptionSources,
) -> anyhow::Result<()> {
    // `::ffff:127.0.0.1` is loopback too, but `is_loopback` knows that only of its IPv4 form.
    if listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    if sandbox == SandboxKind::LocalUnconfined {
        bail!(
            "{}, which is local-unconfined, runs user code without isolation, so {} must be a loopback address",
            sources.name("sandbox"),
            sources.name("listen")
        );
    }
    if matches!(access, Access::Loopback) {
        bail!(
            "{}, which is {listen}, is reachable from other machines: set WORKERS_ADMIN_TOKEN, or listen on 127.0.0.1",
            sources.name("listen")
        );
    }
    Ok(())
}

/// Returns the Node.js that runs user code: the one that the configuration names, else the one that setup installed
/// beside the program, else the first one in `PATH`. The engine checks later whether it works; its message also appears
/// in `workersd doctor`.
fn find_node(named: Option<PathBuf>) -> PathBuf {
    if let Some(path) = named {
        return path;
    }
    let installed = PathBuf::from(".tools/node/bin/node");
    // A built program is `target/release/workersd` in the checkout, whose top has `.tools`.
    let beside = |program: PathBuf| Some(program.parent()?.parent()?.parent()?.join(&installed));
    let own = std::env::current_exe().ok().and_then(beside);
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = std::env::split_paths(&on_path).map(|directory| directory.join("node")).collect();
    let candidates = own.into_iter().chain([installed.clone()]).chain(on_path);
    candidates.filter_map(|candidate| candidate.canonicalize().ok()).find(|path| path.is_file()).unwrap_or(installed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn serve(arguments: &[&str]) -> anyhow::Result<Settings> {
        let directory = tempfile::tempdir().unwrap();
        // Any file will do for Node.js here, because reading the settings does not start it.
        let fixed = ["workersd", "serve", "--node", "/bin/sh", "--data-dir", directory.path().to_str().unwrap()];
        let cli = super::super::Cli::try_read(fixed.iter().chain(arguments))?;
        let super::super::Subcommand::Serve(options) = cli.command else { unreachable!("`serve` was given") };
        Settings::new(*options)
    }

    #[test]
    fn a_server_that_others_can_reach_needs_a_token() {
        let refused = serve(&["--listen", "0.0.0.0:0"]).err().unwrap().to_string();
        assert!(refused.contains("WORKERS_ADMIN_TOKEN"), "{refused}");
        assert!(serve(&["--listen", "0.0.0.0:0", "--admin-token", "s3cret"]).is_ok());
    }

    #[test]
    fn a_server_without_isolation_is_never_reachable_for_others() {
        let arguments = ["--listen", "0.0.0.0:0", "--admin-token", "s3cret", "--sandbox", "local-unconfined"];
        assert!(serve(&arguments).is_err());
        assert!(serve(&["--sandbox", "local-unconfined"]).is_ok());
    }

    #[test]
    fn an_offered_vercel_api_that_others_can_reach_needs_a_token() {
        let refused = serve(&["--vercel-api", "0.0.0.0:0"]).err().unwrap().to_string();
        assert!(refused.contains("WORKERS_VERCEL_API_TOKENS"), "{refused}");
        for token in ["s3cret", "team=s3cret"] {
            let settings = serve(&["--vercel-api", "0.0.0.0:0", "--vercel-api-token", token]).unwrap();
            assert!(settings.vercel_api.is_some_and(|api| api.tokens.len() == 1));
        }
        assert!(serve(&["--vercel-api", "127.0.0.1:0"]).is_ok());
        assert!(serve(&["--vercel-api", "127.0.0.1:0", "--vercel-api-token", "team="]).is_err());
    }

    #[test]
    fn an_origin_that_could_never_match_is_refused_and_one_with_a_slash_is_read_as_it_is_meant() {
        let origins = |arguments: &[&str]| serve(arguments).map(|settings| settings.http.cors_origins);
        let read =
            origins(&["--cors-origin", "https://app.example/, http://localhost:5173,", "--cors-origin", ""]).unwrap();
        let read: Vec<String> = read.iter().map(ToString::to_string).collect();
        assert_eq!(read, ["https://app.example", "http://localhost:5173"]);
        for entry in ["app.example", "https://app.example/console", "https://*.example", "https://app.example:x"] {
            let refused = format!("{:#}", origins(&["--cors-origin", entry]).unwrap_err());
            assert!(refused.contains("--cors-origin") && refused.contains(&format!("`{entry}`")), "{refused}");
        }
    }

    #[test]
    fn a_limit_that_nothing_could_run_within_is_refused() {
        for arguments in [
            ["--memory", "1MiB"],
            ["--timeout", "0s"],
            ["--processes", "1"],
            ["--concurrency", "0"],
            ["--max-concurrent-per-worker", "0"],
            ["--database-timeout", "0s"],
        ] {
            assert!(serve(&arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn one_worker_has_three_quarters_of_the_permits_by_default() {
        let share = |arguments: &[&str]| serve(arguments).unwrap().service.concurrent_per_worker();
        assert_eq!(share(&["--concurrency", "8"]), 6);
        assert_eq!(share(&["--concurrency", "8", "--max-concurrent-per-worker", "2"]), 2);
        assert_eq!(share(&["--concurrency", "8", "--max-concurrent-per-worker", "100"]), 8);
        let file: TunableOptions = toml::from_str("max-concurrent-per-worker = 3").unwrap();
        assert_eq!(file.max_concurrent_per_worker, Some(3));
    }

    #[test]
    fn a_statement_has_ten_seconds_in_the_database_by_default() {
        let limit = |arguments: &[&str]| serve(arguments).unwrap().database.storage.statement_timeout;
        assert_eq!(limit(&[]), Duration::from_secs(10));
        assert_eq!(limit(&["--database-timeout", "2s"]), Duration::from_secs(2));
        let file: TunableOptions = toml::from_str("database-timeout = '3s'").unwrap();
        assert_eq!(file.database_timeout.unwrap().0, Duration::from_secs(3));
    }

    #[test]
    fn the_sweep_begins_every_minute_by_default() {
        let interval = |arguments: &[&str]| serve(arguments).unwrap().service.sweep_interval;
        assert_eq!(interval(&[]), Duration::from_mins(1));
        assert_eq!(interval(&["--sweep-interval", "5s"]), Duration::from_secs(5));
    }

    #[test]
    fn the_network_is_public_addresses_by_default() {
        use workers_domain::NetworkPolicy;
        let settings = serve(&[]).unwrap();
        assert_eq!((settings.service.network, settings.network_open), (NetworkPolicy::AllowAll, Vec::new()));
        let settings =
            serve(&["--network", "*.example.com,db.example.net:5432", "--network-open", "10.0.0.0/8,::1"]).unwrap();
        assert_eq!(settings.service.network.to_string(), "*.example.com,db.example.net:5432");
        assert_eq!(settings.network_open.len(), 2);
        for arguments in [["--network", "allow-some"], ["--network-open", "10.0.0.1/8"]] {
            assert!(serve(&arguments).is_err(), "{arguments:?}");
        }
        let file: TunableOptions =
            toml::from_str("network = 'example.com'\nnetwork-open = ['10.0.0.0/8', 'fd00::/8']").unwrap();
        assert_eq!(file.network.unwrap().0.to_string(), "example.com");
        assert_eq!(file.network_open.unwrap().len(), 2);
    }

    #[test]
    fn the_console_is_served_by_default() {
        assert!(serve(&[]).unwrap().http.console.is_some());
        assert!(serve(&["--console", "false"]).unwrap().http.console.is_none());
        assert!(serve(&["--console", "maybe"]).is_err());
        assert!(serve(&["--console", "no"]).unwrap().http.console.is_none());
        assert!(serve(&["--no-migrate"]).is_ok_and(|settings| !settings.migrate));
        assert!(serve(&["--no-migrate=off"]).is_ok_and(|settings| settings.migrate));
    }

    #[test]
    fn a_brand_that_no_console_can_show_is_refused_in_a_sentence_that_names_it() {
        for (arguments, expected) in [
            (["--branding-name", ""], "one line"),
            (["--branding-accent", "red"], "#rrggbb, not `red`"),
            (["--branding-logo", "/nowhere/logo.svg"], "/nowhere/logo.svg"),
            (["--branding-logo", "/proc/self/exe"], "more than the 524288"),
            (["--branding-logo", "/proc/self/stat"], "SVG, PNG, WebP, JPEG or ICO"),
        ] {
            let refused = format!("{:#}", serve(&arguments).err().unwrap());
            assert!(refused.contains(expected) && refused.contains(arguments[0]), "{refused}");
        }
    }

    #[test]
    fn the_brand_of_the_file_has_its_logo_beside_it_and_flags_win() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        std::fs::write(&path, "console = true\n[branding]\nname = 'Acme'\nlogo = 'logo.svg'\naccent = '#12ab34'\n")
            .unwrap();
        let missing = format!("{:#}", read_file(&path).unwrap().branding.read(&OptionSources::default()).unwrap_err());
        assert!(missing.contains(directory.path().join("logo.svg").to_str().unwrap()), "{missing}");
        std::fs::write(directory.path().join("logo.svg"), "<svg/>").unwrap();
        assert!(read_file(&path).unwrap().branding.read(&OptionSources::default()).is_ok());
        let flags = ["workersd", "serve", "--branding-accent", "red"];
        let cli: super::super::Cli = clap::Parser::parse_from(flags);
        let super::super::Subcommand::Serve(flags) = cli.command else { unreachable!("`serve` was given") };
        let merged = flags.tunable.or(read_file(&path).unwrap()).branding.read(&OptionSources::default()).unwrap_err();
        assert!(format!("{merged:#}").contains("red"));
        std::fs::write(&path, "[branding]\ncolour = 'red'\n").unwrap();
        assert!(format!("{:#}", read_file(&path).unwrap_err()).contains("colour"));
    }

    #[test]
    fn what_is_kept_for_the_host_is_read_from_flags_and_file() {
        let settings =
            serve(&["--reserve", "memory=2GiB", "--overcommit-memory", "1.5", "--concurrency", "3"]).unwrap();
        assert_eq!(settings.capacity.reserve, "memory=2GiB".parse().unwrap());
        assert!(settings.capacity.concurrency_is_set && !serve(&[]).unwrap().capacity.concurrency_is_set);
        let file: TunableOptions =
            toml::from_str("reserve = 'pids=5'\novercommit-memory = '2'\nvercel-api-team-share = '10%'").unwrap();
        assert_eq!(file.reserve, Some("pids=5".parse().unwrap()));
        for arguments in [["--reserve", "2GiB"], ["--overcommit-memory", "0.5"], ["--vercel-api-team-share", "0%"]] {
            assert!(serve(&arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn a_file_that_another_user_put_into_the_data_directory_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        std::fs::write(&path, "listen = '0.0.0.0:80'\n").unwrap();
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        let refused = format!("{:#}", read_file(&path).unwrap_err());
        assert!(refused.contains("workers.toml") && refused.contains("12345"), "{refused}");
    }

    #[test]
    fn the_file_in_the_data_directory_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        std::fs::write(&path, "timeout = \"5s\"\n").unwrap();
        assert_eq!(read_file(&path).unwrap().timeout.unwrap().0, Duration::from_secs(5));
        std::fs::write(&path, "timeout = 5\n").unwrap();
        let refused = format!("{:#}", read_file(&path).unwrap_err());
        assert!(refused.contains("workers.toml"), "{refused}");
    }
}
