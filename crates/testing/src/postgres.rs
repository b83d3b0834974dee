//! A Postgres server that lives as long as the tests.
//!
//! The server runs from the host's own binaries, listens on a free port of the loopback address, and writes to a
//! directory of its own. A small shell, the watchdog, stops the server and removes the directory when it is no longer
//! needed:
//!
//! * A server for one test ([`ThrowAwayPostgres::start`]) ends when the shell's standard input closes, which is a pipe
//!   from the test's process.
//! * The shared server ([`ThrowAwayPostgres::shared`]) ends when no process holds its lock any more. So a runner that
//!   gives each test a process of its own starts one server and not hundreds, each of which would take most of a
//!   second.
//!
//! Both work however the process ends, even if it is killed, so no server is left behind.
//!
//! `initdb` takes most of a second, and a runner that gives each test a process of its own would run it each time. So
//! its result is kept beside the test binaries and copied.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tokio_postgres::NoTls;
use uuid::Uuid;

/// Names a server to use instead of starting one, as `postgres://postgres@127.0.0.1:5432/postgres`.
const URL_VARIABLE: &str = "TEST_DATABASE_URL";

/// The advice when no server is found.
const HOW_TO_INSTALL: &str = "tests need Postgres: install its server (on Debian `apt-get install postgresql`, on macOS \
     `brew install postgresql`), or set TEST_DATABASE_URL to one that tests may create databases on";

/// Far longer than a start takes, even with every core busy.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Another process may take the free port before the server does. Five attempts are more than enough.
const START_ATTEMPTS: usize = 5;

/// How many lines of the server's log are shown if it does not start.
const LOG_LINES_SHOWN: usize = 20;

/// A shell script that runs the server until no process holds the lock `users`. A process that joins holds `start`
/// meanwhile, so that it does not get a server that is about to stop.
const SHARED_WATCHDOG: &str = r#"
    directory=$1; shared=$2; shift 2
    "$@" </dev/null &
    server=$!
    until
        flock -x "$shared/users" true
        flock -x "$shared/start" flock -n -x "$shared/users" rm -f "$shared/server"
    do :; done
    kill -QUIT "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    rm -rf "$directory"
"#;

/// A shell script that runs the server until standard input closes, and then removes the directory, unless it reads
/// `keep` there.
const WATCHDOG: &str = r#"
    directory=$1; shift
    "$@" </dev/null &
    server=$!
    read -r word
    kill -QUIT "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    [ "$word" = keep ] || rm -rf "$directory"
"#;

/// A Postgres server for tests, and its databases.
pub struct ThrowAwayPostgres {
    location: Location,
}

/// A transaction that stays open until this value is dropped.
pub struct OpenTransaction {
    _client: tokio_postgres::Client,
}

enum Location {
    /// The server that [`URL_VARIABLE`] names.
    Elsewhere {
        url: String,
    },
    /// A server that other processes use as well. It runs as long as one of them holds the lock.
    Shared {
        port: u16,
        _lock: File,
    },
    Here(Box<Server>),
}

struct Server {
    directory: PathBuf,
    port: u16,
    settings: Vec<(String, String)>,
    user: Option<User>,
    watchdog: Option<Child>,
    /// The directory with the locks of a shared server.
    shared: Option<PathBuf>,
}

/// The user that runs the server if the test runs as root: Postgres refuses to run as root.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl ThrowAwayPostgres {
    /// Returns the server that all tests share, also those of other processes. The first one starts it.
    ///
    /// # Panics
    ///
    /// When there is none and none can be started.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ThrowAwayPostgres> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var(URL_VARIABLE) {
            Ok(url) => Self { location: Location::Elsewhere { url } },
            // Without `flock`, which the shell needs for locks, each process has its own server.
            Err(_) if find_binary("flock").is_err() => Self::start(),
            Err(_) => Self { location: share().unwrap_or_else(|error| panic!("no Postgres for the tests: {error}")) },
        })
    }

    /// Starts a server for one test alone, which may stop it. Ignores `TEST_DATABASE_URL`.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts a server for one test alone, with settings as in `postgresql.conf` and with files in its data directory,
    /// such as `pg_hba.conf` or a key.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        let server =
            Server::start(settings, files, None).unwrap_or_else(|error| panic!("no Postgres for this test: {error}"));
        Self { location: Location::Here(Box::new(server)) }
    }

    /// Returns the URL of a database on this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        match &self.location {
            Location::Here(server) => local_url(server.port, database),
            Location::Shared { port, .. } => local_url(*port, database),
            Location::Elsewhere { url } => with_database(url, database),
        }
    }

    /// Returns the server's port on the loopback address, or `None` if the server is not ours.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.location {
            Location::Here(server) => Some(server.port),
            Location::Shared { port, .. } => Some(*port),
            Location::Elsewhere { .. } => None,
        }
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn create_database(&self) -> String {
        let name = format!("test_{}", Uuid::new_v4().simple());
        let administration = match &self.location {
            Location::Elsewhere { url } => url.clone(),
            Location::Shared { .. } | Location::Here(_) => self.url("postgres"),
        };
        self.execute(&administration, &format!("CREATE DATABASE {name}")).await;
        self.url(&name)
    }

    /// Runs SQL, one or more statements, on the database with this URL.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn execute(&self, url: &str, sql: &str) {
        let run = async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            // The connection ends only when its client is dropped, so one of the two must drop it.
            let ((), result) = tokio::join!(async { drop(connection.await) }, async {
                let result = client.batch_execute(sql).await;
                drop(client);
                result
            });
            result
        };
        if let Err(error) = run.await {
            panic!("Postgres refused `{sql}`: {error:?}");
        }
    }

    /// Runs SQL in a transaction that stays open until the returned value is dropped.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn hold(&self, url: &str, sql: &str) -> OpenTransaction {
        let begun = async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            client.batch_execute(&format!("BEGIN; {sql}")).await?;
            Ok::<_, tokio_postgres::Error>(client)
        };
        match begun.await {
            Ok(client) => OpenTransaction { _client: client },
            Err(error) => panic!("Postgres refused `{sql}`: {error:?}"),
        }
    }

    /// Stops the server as a crash would, and keeps its data.
    ///
    /// # Panics
    ///
    /// When it is not ours, or does not stop.
    pub fn stop(&mut self) {
        self.ours().stop(true).unwrap_or_else(|error| panic!("Postgres did not stop: {error}"));
    }

    /// Restarts the server on the same port.
    ///
    /// # Panics
    ///
    /// When it is not ours, or does not start.
    pub fn restart(&mut self) {
        let server = self.ours();
        server.stop(true).and_then(|()| server.run()).unwrap_or_else(|error| panic!("no restart of Postgres: {error}"));
    }

    fn ours(&mut self) -> &mut Server {
        match &mut self.location {
            Location::Here(server) => server,
            Location::Shared { .. } | Location::Elsewhere { .. } => {
                panic!("a server that others use is not ours to stop")
            }
        }
    }
}

impl Server {
    fn start(settings: &[(&str, &str)], files: &[(&str, &str)], shared: Option<&Path>) -> io::Result<Self> {
        let user = unprivileged_user()?;
        let directory = std::env::temp_dir().join(format!("workers-postgres-{}", Uuid::new_v4().simple()));
        fs::DirBuilder::new().mode(0o700).create(&directory)?;
        let settings = settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut server =
            Self { directory, port: 0, settings, user, watchdog: None, shared: shared.map(Path::to_owned) };
        // From here on, dropping the server removes the directory.
        if let Some(user) = user {
            chown(&server.directory, Some(user.uid), Some(user.gid))?;
        }
        copy_template(&server.data(), user)?;
        for (name, content) in files {
            server.put_file(name, content)?;
        }
        let mut attempts_left = START_ATTEMPTS;
        loop {
            server.port = free_port()?;
            attempts_left -= 1;
            match server.run() {
                Err(error) if attempts_left > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
                result => return result.map(|()| server),
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn put_file(&self, name: &str, content: &str) -> io::Result<()> {
        let path = self.data().join(name);
        fs::write(&path, content)?;
        // Postgres refuses a private key that others can read.
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        self.user.map_or(Ok(()), |user| chown(&path, Some(user.uid), Some(user.gid)))
    }

    fn run(&mut self) -> io::Result<()> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(if self.shared.is_some() { SHARED_WATCHDOG } else { WATCHDOG }).arg("watchdog");
        command.arg(&self.directory).args(&self.shared);
        // `-k` puts the Unix socket there too: the usual directory may belong to another user.
        command.arg(find_binary("postgres")?).arg("-D").arg(self.data()).arg("-k").arg(&self.directory);
        // The data need not survive a crash of the host, so durability is off for speed.
        let mut settings =
            vec!["fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1", "max_connections=400"]
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>();
        settings.push(format!("port={}", self.port));
        settings.extend(self.settings.iter().map(|(name, value)| format!("{name}={value}")));
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        command.current_dir(&self.directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        // A process group of its own: a signal to the test's group must not reach the watchdog, so that it can still
        // clean up.
        command.process_group(0);
        run_as(&mut command, self.user);
        let mut watchdog = command.spawn()?;
        let log = watchdog.stderr.take().ok_or_else(|| io::Error::other("no pipe to the server's log"))?;
        self.watchdog = Some(watchdog);
        await_ready(BufReader::new(log)).inspect_err(|_| drop(self.stop(true)))
    }

    fn stop(&mut self, keep: bool) -> io::Result<()> {
        let Some(mut watchdog) = self.watchdog.take() else { return Ok(()) };
        if self.shared.is_some() {
            // The watchdog waits for a lock that we hold. A shared server is stopped from here only if it did not
            // start.
            watchdog.kill()?;
        }
        if let Some(mut input) = watchdog.stdin.take() {
            // If the watchdog has exited, writing fails, and that is fine.
            drop(input.write_all(if keep { b"keep\n" } else { b"end\n" }));
        }
        watchdog.wait().map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process that started a shared server drops this value at once. The watchdog ends the server after its
        // last user.
        if self.shared.is_some() && self.watchdog.is_some() {
            return;
        }
        drop(self.stop(false));
        // The watchdog has removed it already, unless it did not start.
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// Joins the shared server. Starts it if no process uses one.
fn share() -> io::Result<Location> {
    let user = unprivileged_user()?;
    // Test binaries of one build share a server. Those of another build have their own.
    let build = std::env::current_exe()?.parent().map(|directory| directory.display().to_string()).unwrap_or_default();
    let build = Uuid::new_v5(&Uuid::NAMESPACE_URL, build.as_bytes()).simple().to_string();
    let shared = std::env::temp_dir().join(format!("workers-postgres-shared-{build}"));
    match fs::DirBuilder::new().mode(0o755).create(&shared) {
        Ok(()) => user.map_or(Ok(()), |user| chown(&shared, Some(user.uid), Some(user.gid)))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_owner(&shared, user)?,
        Err(error) => return Err(error),
    }
    let start = open_lock(&shared.join("start"))?;
    start.lock()?;
    let lock = open_lock(&shared.join("users"))?;
    lock.lock_shared()?;
    // Its watchdog removes it before it stops the server, while it holds `start`.
    let note = shared.join("server");
    if let Some(port) = fs::read_to_string(&note).ok().and_then(|text| running_port(&text)) {
        return Ok(Location::Shared { port, _lock: lock });
    }
    let server = Server::start(&[], &[], Some(&shared))?;
    fs::write(note, format!("{} {}", server.port, server.data().display()))?;
    Ok(Location::Shared { port: server.port, _lock: lock })
}

/// Checks that the directory is ours: any user can create one of this name in the temporary directory.
fn check_owner(shared: &Path, user: Option<User>) -> io::Result<()> {
    // Without following links: a link that another user has made may lead to a directory of ours.
    let (status, own) = (fs::symlink_metadata(shared)?, fs::metadata("/proc/self")?.uid());
    let is_ours = status.uid() == own || user.is_some_and(|user| user.uid == status.uid());
    if status.is_dir() && is_ours {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} is not ours: remove it", shared.display())))
}

fn open_lock(path: &Path) -> io::Result<File> {
    // Every user must be able to lock the file, so every user must be able to read it.
    File::options().create(true).truncate(false).write(true).read(true).mode(0o644).open(path)
}

/// Returns the port in the note of a server if that server runs. A note may be left behind by a host that lost power.
fn running_port(note: &str) -> Option<u16> {
    let (port, data) = note.split_once(' ')?;
    let port = port.parse().ok()?;
    let is_running = Path::new(data).join("postmaster.pid").exists() && TcpStream::connect(("127.0.0.1", port)).is_ok();
    is_running.then_some(port)
}

fn local_url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}")
}

/// Reads the log until the server is ready. A thread reads the rest.
fn await_ready(log: impl BufRead + Send + 'static) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            // After the server is ready there is no receiver, but the thread goes on reading so that the pipe does not
            // fill.
            drop(sender.send(line));
        }
    });
    let mut lines = Vec::new();
    loop {
        match receiver.recv_timeout(START_TIMEOUT) {
            Ok(line) if line.contains("database system is ready to accept connections") => return Ok(()),
            Ok(line) => lines.push(line),
            Err(RecvTimeoutError::Timeout) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not get ready"));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let is_port_taken = lines.iter().any(|line| line.contains("Address already in use"));
    let kind = if is_port_taken { io::ErrorKind::AddrInUse } else { io::ErrorKind::Other };
    let shown = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n");
    Err(io::Error::new(kind, format!("the server ended at once and said:\n{shown}")))
}

/// Copies the data directory that `initdb` made. Runs `initdb` first if there is no such directory yet.
fn copy_template(target: &Path, user: Option<User>) -> io::Result<()> {
    let initdb = find_binary("initdb")?;
    let binaries = std::env::current_exe()?;
    let cache = binaries.parent().ok_or_else(|| io::Error::other("a test binary lies in no directory"))?;
    // The directory belongs to the user that runs the server, so there is one for each user, and one for each version
    // of Postgres.
    let version = fs::canonicalize(&initdb)?.display().to_string().replace('/', "-");
    let owner = user.map_or(fs::metadata(cache)?.uid(), |user| user.uid);
    let template = cache.join(format!("postgres-template{version}-{owner}"));

    let lock = File::create(template.with_extension("lock"))?;
    lock.lock()?;
    if !template.exists() {
        let mut command = Command::new(initdb);
        // Segments of 1 MiB instead of 16, because each server gets a copy of this directory.
        command.args([
            "--no-sync",
            "--wal-segsize=1",
            "--auth=trust",
            "--username=postgres",
            "--locale=C",
            "--encoding=UTF8",
            "-D",
        ]);
        command.arg(target).current_dir(target.parent().unwrap_or(target));
        run_as(&mut command, user);
        finish(&mut command)?;
        let unfinished = template.with_extension("unfinished");
        // A process that was killed may have left a part of a copy. Only a whole one gets the final name.
        drop(fs::remove_dir_all(&unfinished));
        finish(Command::new("cp").arg("-a").arg(target).arg(&unfinished))?;
        return fs::rename(unfinished, template);
    }
    // A template that is there is never changed, so copies need no lock.
    drop(lock);
    finish(Command::new("cp").arg("-a").arg(template).arg(target))
}

fn finish(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{} failed: {stderr}", command.get_program().display())))
}

fn run_as(command: &mut Command, user: Option<User>) {
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
}

/// Searches `PATH`, and then Debian's directories of Postgres binaries outside `PATH`, the newest version first.
fn find_binary(name: &str) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<_> = std::env::split_paths(&path).collect();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<_> = versions.filter_map(Result::ok).map(|version| version.path()).collect();
        let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
        versions.sort_by_key(|version| std::cmp::Reverse(number(version)));
        directories.extend(versions.into_iter().map(|version| version.join("bin")));
    }
    directories
        .into_iter()
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, HOW_TO_INSTALL))
}

/// Returns the ids of the user `postgres`, or `nobody` where there is no such user, if we are root.
fn unprivileged_user() -> io::Result<Option<User>> {
    // The owner of a new file is the current user. This avoids a system call that would need another crate.
    let probe = std::env::temp_dir().join(format!("workers-postgres-owner-{}", Uuid::new_v4().simple()));
    let uid = File::create(&probe)?.metadata()?.uid();
    fs::remove_file(&probe)?;
    if uid != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let mut fields = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':').skip(1);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    match find("postgres").or_else(|| find("nobody")) {
        Some(user) => Ok(Some(user)),
        None => {
            Err(io::Error::other("Postgres refuses to run as root, and there is neither a user postgres nor nobody"))
        }
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn with_database(url: &str, database: &str) -> String {
    let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
    let host = base.find("://").map_or(0, |scheme| scheme + "://".len());
    let end = base[host..].find('/').map_or(base.len(), |slash| host + slash);
    let question = if parameters.is_empty() { "" } else { "?" };
    format!("{}/{database}{question}{parameters}", &base[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_given_another_database_and_keeps_its_parameters() {
        assert_eq!(
            with_database("postgres://u@h:1/old?sslmode=disable", "new"),
            "postgres://u@h:1/new?sslmode=disable"
        );
        assert_eq!(with_database("postgres://h", "new"), "postgres://h/new");
    }

    #[tokio::test]
    async fn a_server_serves_and_leaves_nothing_behind() {
        let server = ThrowAwayPostgres::start();
        let url = server.create_database().await;
        server.execute(&url, "CREATE TABLE t (i INT); INSERT INTO t VALUES (1)").await;
        let Location::Here(ours) = &server.location else { panic!("started here") };
        let directory = ours.directory.clone();
        assert!(directory.exists());
        drop(server);
        assert!(!directory.exists());
    }

    #[tokio::test]
    async fn a_server_keeps_its_port_and_its_data_over_a_restart() {
        let mut server = ThrowAwayPostgres::start();
        let url = server.create_database().await;
        server.execute(&url, "CREATE TABLE t (i INT)").await;
        server.stop();
        assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
        server.restart();
        server.execute(&url, "INSERT INTO t VALUES (1)").await;
    }
}
