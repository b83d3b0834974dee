//! Starts a proxy with its configuration from docs/operations.md.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::document::only_block;

/// The kinds of proxies for which docs/operations.md has a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nginx,
    Haproxy,
    Caddy,
}

/// Where the proxy serves the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mount {
    /// Below `/workers/`, as in the documented configuration.
    BelowAPath,
    /// At the root, with the change that the page describes.
    OwnHost,
}

/// A proxy in a process of its own, killed when this value is dropped.
pub(super) struct Proxy {
    process: Child,
    /// The URL of the platform behind the proxy, without a slash at the end.
    pub(super) url: String,
    /// The proxy's files.
    directory: TempDir,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
        }
    }

    /// Returns the documented configuration.
    pub(super) fn documented(self) -> String {
        only_block("docs/operations.md", self.name())
    }

    /// Returns the path of the program, which its package or `./just setup-test` installs.
    fn program(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin");
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), tools]);
        folders.map(|folder| folder.join(self.name())).find(|program| program.is_file())
    }

    /// Returns the part of the configuration that sets the name or the port, and its replacement with the test's
    /// address.
    fn front(self, host: &str, port: u16) -> [String; 2] {
        match self {
            Self::Nginx => ["listen 80;".to_owned(), format!("listen {host}:{port};")],
            Self::Haproxy => ["bind :80\n".to_owned(), format!("bind {host}:{port}\n")],
            // With the name alone, Caddy would listen on all addresses.
            Self::Caddy => ["workers.example.com {".to_owned(), format!("http://{host}:{port} {{\n    bind {host}")],
        }
    }

    /// Adds what Debian's packages have around a configuration, as far as it matters here.
    fn surrounded(self, configuration: &str, directory: &Path) -> String {
        let directory = directory.display();
        match self {
            Self::Nginx => {
                let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .map(|kind| format!("{kind}_temp_path {directory}/{kind};\n"))
                    .concat();
                format!(
                    "daemon off;\nmaster_process off;\npid {directory}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
                     sendfile on;\ntcp_nopush on;\ngzip on;\naccess_log off;\n{temporary}{configuration}}}\n"
                )
            }
            Self::Haproxy => format!(
                "global\n    log stdout format raw local0\ndefaults\n    log global\n    mode http\n    option httplog\n    \
                 option dontlognull\n    timeout connect 5000\n    timeout client 50000\n    timeout server 50000\n{configuration}"
            ),
            Self::Caddy => format!("{{\n    admin off\n}}\n{configuration}"),
        }
    }

    fn arguments(self, directory: &Path) -> Vec<PathBuf> {
        let file = directory.join("configuration");
        match self {
            Self::Nginx => vec!["-p".into(), directory.into(), "-e".into(), "stderr".into(), "-c".into(), file],
            Self::Haproxy => vec!["-db".into(), "-f".into(), file],
            Self::Caddy => vec!["run".into(), "--adapter".into(), "caddyfile".into(), "--config".into(), file],
        }
    }
}

impl Proxy {
    /// Starts a proxy in front of this server. Skips the test if the program is not installed.
    pub(super) fn start(kind: Kind, mount: Mount, server: &str) -> Self {
        Self::start_with(kind, mount, server, &kind.documented())
    }

    /// Starts a proxy with another configuration.
    pub(super) fn start_with(kind: Kind, mount: Mount, server: &str, configuration: &str) -> Self {
        let Some(program) = kind.program() else {
            workers_testing::skip(&format!(
                "{} is not installed; `./just setup-test` does it where it can",
                kind.name()
            ));
        };
        // Each test is a process of its own, so its id gives it a loopback address of its own, where no other program
        // uses the port.
        let [_, a, b, c] = std::process::id().to_be_bytes();
        let (host, port) = (format!("127.{}.{b}.{c}", 64 + a % 64), 8080);
        let mut configuration = configuration.to_owned();
        let mut replace = |from: &str, to: &str| {
            assert!(configuration.contains(from), "{from} is not in {configuration}");
            configuration = configuration.replace(from, to);
        };
        let [from, to] = kind.front(&host, port);
        replace(&from, &to);
        replace("127.0.0.1:3000", server.strip_prefix("http://").unwrap());
        if mount == Mount::OwnHost {
            assert!(configuration.contains("# the redirect\n"), "{configuration}");
            let kept = configuration.lines().filter(|line| !line.ends_with("# the redirect"));
            configuration = kept.map(|line| line.replace("/workers/", "/") + "\n").collect();
        }
        let address = format!("{host}:{port}");
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("configuration"), kind.surrounded(&configuration, directory.path()))
            .unwrap();
        let log = directory.path().join("log");
        let output = std::fs::File::create(&log).unwrap();
        let mut process = Command::new(program)
            .args(kind.arguments(directory.path()))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", directory.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&address).is_err() {
            let is_over = process.try_wait().unwrap().is_some() || Instant::now() > deadline;
            assert!(!is_over, "{} does not listen: {}", kind.name(), std::fs::read_to_string(&log).unwrap());
            std::thread::yield_now();
        }
        let path = if mount == Mount::BelowAPath { "/workers" } else { "" };
        Self { process, url: format!("http://{address}{path}"), directory }
    }

    /// Returns the proxy's origin, as a browser names it.
    pub(super) fn origin(&self) -> &str {
        self.url.trim_end_matches("/workers")
    }

    /// Waits for a line with these words in the proxy's log.
    pub(super) async fn said(&self, words: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
            if let Some(line) = log.lines().find(|line| line.contains(words)) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "{words}: {log}");
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
