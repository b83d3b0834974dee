//! Where attacks take place: in the sandboxes of workers, or in containers.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use workers_domain::ResourceLimits;
use workers_domain::ports::{
    Command, CommandEvent, Container, ContainerCommandSpec, ContainerProvider as _, Sandbox, SandboxFile, SandboxPath,
    SandboxProvider as _, SandboxSource, SandboxSpec,
};
use workers_engine::{ContainerEngine, Engine, Isolation, Templates};
use workers_testing::skip_unless_root;

use super::programs::programs;
use super::support::{Attack, Heard, Said, Way};
use crate::containers::support as containers;
use crate::support::{finish, forked, options, start};

/// An attack that has begun.
pub(crate) struct Started {
    pub(crate) said: Heard,
    /// Stops the attack's sandbox, and waits for the end of its command.
    pub(crate) stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// An engine that is attacked.
pub(crate) trait Target: Sized + Send + Sync + 'static {
    /// Ends the test if this engine cannot run here.
    fn require() {}

    fn start(directory: &Path) -> impl Future<Output = Self> + Send;

    /// Starts an attack in a sandbox of its own.
    fn begin(&self, attack: &Attack, marker: &str) -> impl Future<Output = Started> + Send;

    /// Serves another client.
    fn serve(&self) -> impl Future<Output = ()> + Send;

    fn shutdown(&self) -> impl Future<Output = ()> + Send;
}

/// The sandboxes of workers. Their node is started or forked.
pub(crate) struct Workers<const FORKED: bool> {
    pub(crate) engine: Engine,
}

/// As in the server, which forks its nodes.
pub(crate) type Forked = Workers<true>;

pub(crate) type Spawned = Workers<false>;

impl<const FORKED: bool> Workers<FORKED> {
    pub(crate) async fn sandbox(&self, limits: ResourceLimits, network: &str) -> Box<dyn Sandbox> {
        let spec =
            SandboxSpec { source: SandboxSource::Empty, limits, network: network.parse().unwrap(), kept_for: None };
        self.engine.create(spec).await.unwrap()
    }

    /// Runs a script in a sandbox.
    pub(crate) async fn run(&self, sandbox: &dyn Sandbox, script: &str) -> Box<dyn Command> {
        if FORKED { forked::start(sandbox, script).await } else { start(sandbox, script).await }
    }
}

/// Returns the script that makes node run the attack.
fn script(attack: &Attack, marker: &str) -> String {
    let words = format!("{:?}", attack.arguments(marker));
    let program =
        "const fs = require('fs'); fs.copyFileSync('attacker', '/tmp/attacker'); fs.chmodSync('/tmp/attacker', 0o755);";
    let run = match attack.way {
        Way::Exec => {
            format!("{program} process.execve('/tmp/attacker', ['attacker', ...{words}.split(' ')], process.env)")
        }
        Way::Spawn => format!(
            "{program} require('child_process').spawn('/tmp/attacker', [...{words}.split(' ')], {{ stdio: 'inherit' }})"
        ),
        Way::Library => format!(
            "process.env.ATTACK = {words}; try {{ process.dlopen({{ exports: {{}} }}, process.cwd() + '/attacker.so') }} catch {{}}"
        ),
    };
    format!("{run} // {marker}")
}

/// A script with a server and a client of its own in one sandbox. It stands for the other client's work.
const SERVE: &str = "const net = require('net'); const server = net.createServer((socket) => socket.end('hello'));
    server.listen(0, '127.0.0.1', () => net.connect(server.address().port).on('data', (data) => {
        console.log(String(data)); server.close() }))";

impl<const FORKED: bool> Target for Workers<FORKED> {
    async fn start(directory: &Path) -> Self {
        let mut options = options(directory, Isolation::Full);
        options.templates = if FORKED { Templates::Shared } else { Templates::None };
        let engine = Engine::start(options).await.unwrap();
        assert_eq!(engine.has_templates().await, FORKED);
        Self { engine }
    }

    async fn begin(&self, attack: &Attack, marker: &str) -> Started {
        let sandbox = self.sandbox(attack.limits, attack.network).await;
        let file = |name: &str, contents: &[u8]| SandboxFile {
            path: SandboxPath::parse(name).unwrap(),
            contents: contents.to_vec(),
        };
        let all = programs();
        let files = vec![file("attacker", &all.attacker), file("attacker.so", &all.library)];
        sandbox.write_files(files).await.unwrap();
        let mut command = self.run(&*sandbox, &script(attack, marker)).await;
        let said = Arc::new(Said::default());
        let heard = Arc::clone(&said);
        let listening = tokio::spawn(async move {
            while let Ok(Some(CommandEvent::Output { bytes, .. })) = command.next_event().await {
                heard.hear(&bytes);
            }
            heard.end();
        });
        let stop = Box::pin(async move {
            sandbox.stop().await.unwrap();
            listening.await.unwrap();
        });
        Started { said, stop }
    }

    async fn serve(&self) {
        let sandbox = self.sandbox(ResourceLimits::default(), "deny-all").await;
        let ran = finish(&mut *self.run(&*sandbox, SERVE).await).await;
        sandbox.stop().await.unwrap();
        assert_eq!(ran.output, "hello", "{ran:?}");
    }

    async fn shutdown(&self) {
        self.engine.shutdown().await;
    }
}

/// The engine of containers.
pub(crate) struct ContainerTarget {
    pub(crate) engine: ContainerEngine,
}

impl ContainerTarget {
    pub(crate) async fn container(&self) -> Box<dyn Container> {
        self.engine.create(containers::spec(SandboxSource::Empty)).await.unwrap()
    }
}

impl Target for ContainerTarget {
    fn require() {
        skip_unless_root("containers need root");
    }

    async fn start(directory: &Path) -> Self {
        Self { engine: ContainerEngine::start(containers::options(directory)).await.unwrap() }
    }

    async fn begin(&self, attack: &Attack, marker: &str) -> Started {
        let container = self.container().await;
        upload(&*container).await;
        let args = attack.arguments(marker).split(' ').map(str::to_owned).collect();
        let spec = ContainerCommandSpec {
            program: "/tmp/attacker".to_owned(),
            args,
            as_root: attack.as_root,
            ..ContainerCommandSpec::default()
        };
        let mut command = container.run(spec).await.unwrap();
        let said = Arc::new(Said::default());
        let heard = Arc::clone(&said);
        let listening = tokio::spawn(async move {
            while let Ok(Some(CommandEvent::Output { bytes, .. })) = command.next_event().await {
                heard.hear(&bytes);
            }
            heard.end();
        });
        let stop = Box::pin(async move {
            container.stop().await.unwrap();
            listening.await.unwrap();
        });
        Started { said, stop }
    }

    async fn serve(&self) {
        let container = self.container().await;
        assert_eq!(containers::sh(&*container, "echo hello").await, "hello\n");
        container.stop().await.unwrap();
    }

    async fn shutdown(&self) {
        self.engine.shutdown().await;
    }
}

/// Uploads the program with the attacks to a container.
pub(crate) async fn upload(container: &dyn Container) {
    let mut files = containers::archive(&[("tmp/attacker", &programs().attacker, 0o755)]);
    container.write_archive("/", &mut files).await.unwrap();
}
