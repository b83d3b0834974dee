//! The blocks of code that the tests in this directory do not run, and why.

use crate::support::document::Block;

struct Listed {
    file: &'static str,
    /// The beginning of the block.
    start: &'static str,
    /// The reason, for a reader of this file.
    why: &'static str,
}

const fn not_run(file: &'static str, start: &'static str, why: &'static str) -> Listed {
    Listed { file, start, why }
}

const LISTED: &[Listed] = &[
    not_run("README.md", "./just serve     #", "builds the server, and runs all tests"),
    not_run(
        "README.md",
        "WORKERS_ADMIN_TOKEN=$(openssl",
        "builds the server, and names a database of the reader's own",
    ),
    not_run(
        "README.md",
        "let platform = Platform::builder",
        "a part of `embed_service.rs`, which `examples::programs` runs",
    ),
    not_run("docs/architecture.md", "user code --> worker script", "a drawing"),
    not_run("docs/architecture.md", "bins --> http", "a drawing"),
    not_run("docs/nodejs.md", "esbuild worker.ts", "done by the transpiler's tests of packages"),
    not_run("docs/operations.md", "server {", "run by `proxies::nginx`"),
    not_run("docs/operations.md", "listen workers", "run by `proxies::haproxy`"),
    not_run("docs/operations.md", "workers.example.com {", "run by `proxies::caddy`"),
    not_run("docs/operations.md", "export DATA=", "paths of the reader's own"),
    not_run("docs/operations.md", "workersd backup", "run by `faults::database::a_backup_of_sqlite_…`"),
    not_run("docs/operations.md", "aside=", "run by `faults::database::a_backup_of_sqlite_…`"),
    not_run("docs/operations.md", "export DATABASE_URL=", "paths of the reader's own"),
    not_run("docs/operations.md", "pg_dump", "run by `faults::database::a_backup_of_postgres_…`"),
    not_run("docs/operations.md", "pg_restore", "run by `faults::database::a_backup_of_postgres_…`"),
    not_run("docs/performance.md", "./just bench  ", "measures for minutes"),
    not_run("docs/performance.md", "./just bench-vercel", "measures for minutes"),
    not_run("docs/security.md", "server ----- socket", "a drawing"),
    not_run("docs/security.md", "launcher -- clone", "a drawing"),
    not_run("docs/security.md", "init (pid 1) ----", "a drawing"),
    not_run("docs/vercel.md", "VERCEL_TOKEN=… ", "builds the server, and needs an account in the cloud"),
    not_run(
        "docs/vercel.md",
        "export TOKEN=",
        "builds the server; `vercel_api` and `vercel::paths` run servers with these options",
    ),
];

impl Listed {
    fn is(&self, block: &Block) -> bool {
        block.file == self.file && block.text.starts_with(self.start)
    }
}

/// Returns why a block is not run, or `None` if it must run.
pub(super) fn reason_not_to_run(block: &Block) -> Option<&'static str> {
    LISTED.iter().find(|listed| listed.is(block)).map(|listed| listed.why)
}

/// Returns the entries of the list that match no block.
pub(super) fn needless(blocks: &[Block]) -> Vec<&'static str> {
    LISTED.iter().filter(|listed| !blocks.iter().any(|block| listed.is(block))).map(|listed| listed.start).collect()
}
