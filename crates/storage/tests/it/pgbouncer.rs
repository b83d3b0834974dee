//! Postgres behind a pooler that assigns server connections per transaction, like the pooled endpoints of hosted
//! Postgres.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use tempfile::TempDir;
use workers_domain::ports::{ExistingWorkers, LastInvocation, Store, Update};
use workers_testing::{AllWorkers as _, ThrowAwayPostgres, scope_of_all};

use crate::support::{Fixture, at, connect_with, of, worker};

/// Much longer than a start takes.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Number of server connections. More than one, so that two queries of a client rarely use the same one; fewer than the
/// clients, so that each is used by several clients in turn.
const SERVER_CONNECTIONS: usize = 3;

/// A pooler in front of one server.
struct PgBouncer {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl PgBouncer {
    fn start(postgres: &ThrowAwayPostgres) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let configuration = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = {SERVER_CONNECTIONS}\n\
             max_client_conn = 500\n\
             server_round_robin = 1\n",
            postgres.port().unwrap(),
        );
        let file = directory.path().join("pgbouncer.ini");
        // PgBouncer accepts any user, but logs in to Postgres with the name given here.
        std::fs::write(&file, configuration.replace("port=", "user=postgres port=")).unwrap();
        // Like Postgres, it refuses to run as root. It reads one file and opens one port, so any other user works.
        let mut command = Command::new("pgbouncer");
        if directory.path().metadata().unwrap().uid() == 0 {
            let nobody = 65_534;
            chown(directory.path(), Some(nobody), Some(nobody)).unwrap();
            command.uid(nobody).gid(nobody);
        }
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":/usr/sbin");
        let process = command.arg(&file).env("PATH", path).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process =
            process.expect("tests need PgBouncer: install it, on Debian with `apt-get install pgbouncer`");
        await_line(process.stderr.take().unwrap(), "process up");
        Self { process, port, _directory: directory }
    }

    fn url(&self, direct: &str) -> String {
        let database = direct.rsplit('/').next().unwrap();
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Waits for a line of the log. A thread then continues to read the rest.
fn await_line(log: impl std::io::Read + Send + 'static, wanted: &str) {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            drop(sender.send(line));
        }
    });
    while !receiver.recv_timeout(START_TIMEOUT).expect("PgBouncer should say that it is up").contains(wanted) {}
}

/// Keeps the pooler alive as long as the store.
struct Pooled {
    fixture: Fixture,
    _pooler: PgBouncer,
}

impl std::ops::Deref for Pooled {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.fixture
    }
}

/// Returns a server on this host that listens on a port, so that the pooler can reach it.
fn shared_server() -> &'static ThrowAwayPostgres {
    static OURS: OnceLock<ThrowAwayPostgres> = OnceLock::new();
    let shared = ThrowAwayPostgres::shared();
    if shared.port().is_some() { shared } else { OURS.get_or_init(ThrowAwayPostgres::start) }
}

async fn store() -> Pooled {
    let server = shared_server();
    let direct = server.create_database().await;
    let pooler = PgBouncer::start(server);
    let database = connect_with(&pooler.url(&direct), &of(20)).await;
    Pooled { fixture: Fixture { store: database.store(), directory: None }, _pooler: pooler }
}

workers_testing::store_conformance!(conformance, store);

#[tokio::test]
async fn many_clients_share_few_server_connections_without_a_trace() {
    let server = ThrowAwayPostgres::start();
    let direct = server.create_database().await;
    let pooler = PgBouncer::start(&server);
    let url = pooler.url(&direct);
    // Several pools, as if several servers ran.
    let mut pools = Vec::new();
    for _ in 0..4 {
        let database = connect_with(&url, &of(10)).await;
        pools.push(database);
    }
    let stores: Vec<_> = pools.iter().map(workers_storage::Database::store).collect();
    let migrated = futures_util::future::join_all(stores.iter().map(|store| store.schema().apply_migrations())).await;
    assert_eq!(migrated.into_iter().map(|names| names.unwrap().len()).sum::<usize>(), 5);

    let work = (0..400).map(|index: usize| {
        let store = &stores[index % stores.len()];
        async move {
            let mut worker = worker();
            store.workers().insert(&worker, "source").await.unwrap();
            worker.fail("no").unwrap();
            assert_eq!(store.workers().update_state(&mut worker).await.unwrap(), Update::Updated);
            let invocation = LastInvocation { worker_id: worker.id, at: at(5) };
            store.workers().record_invocations(&[invocation]).await.unwrap();
            let found = store.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap().unwrap();
            assert_eq!((found.error_message(), found.last_invoked_at), (Some("no"), Some(at(5))));
            assert_eq!(
                store.workers().find_source(&scope_of_all(), worker.id).await.unwrap().as_deref(),
                Some("source")
            );
            store.schema().check().await.unwrap();
            assert!(store.workers().delete(&scope_of_all(), worker.id).await.unwrap().is_some());
        }
    });
    futures_util::future::join_all(work).await;
    assert_eq!(stores[0].workers().list().await.unwrap(), []);
}

#[tokio::test]
async fn no_server_connection_keeps_a_prepared_statement_or_a_setting() {
    let server = ThrowAwayPostgres::start();
    let direct = server.create_database().await;
    let pooler = PgBouncer::start(&server);
    let store = connect_with(&pooler.url(&direct), &of(5)).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    for result in futures_util::future::join_all((0..50).map(|_| store.workers().list())).await {
        result.unwrap();
    }
    // Runs through the pooler, on each of its server connections.
    let look = "DO $$ BEGIN \
                    IF EXISTS (SELECT FROM pg_prepared_statements) THEN RAISE 'a prepared statement'; END IF; \
                    IF current_setting('search_path') <> '\"$user\", public' THEN RAISE 'a search path'; END IF; \
                    IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory') THEN RAISE 'a lock'; END IF; \
                END $$";
    for _ in 0..SERVER_CONNECTIONS * 2 {
        server.execute(&pooler.url(&direct), look).await;
    }
}
