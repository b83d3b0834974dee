//! A container engine in a directory of its own, and helpers to run commands in containers.

use std::io;

use async_trait::async_trait;
use workers_domain::ports::{
    ByteSource, CommandEvent, Container, ContainerCommand, ContainerCommandSpec, ContainerProvider, ContainerSpec,
    ExitStatus, SandboxError, SandboxSource,
};
use workers_domain::{LogStream, NetworkPolicy, SnapshotId};
use workers_engine::{ContainerEngine, ContainerOptions, LauncherProgram};
use workers_testing::skip_unless_root;

use crate::support::node;

/// A container engine in a directory of its own.
pub(crate) struct Containers {
    pub(crate) engine: ContainerEngine,
    pub(crate) directory: tempfile::TempDir,
}

impl Containers {
    pub(crate) async fn start() -> Self {
        skip_unless_root("containers need root");
        let directory = tempfile::tempdir().unwrap();
        let engine = ContainerEngine::start(options(directory.path())).await.unwrap();
        Self { engine, directory }
    }

    pub(crate) async fn container(&self) -> Box<dyn Container> {
        self.engine.create(spec(SandboxSource::Empty)).await.unwrap()
    }

    pub(crate) async fn container_from(&self, snapshot: &SnapshotId) -> Box<dyn Container> {
        self.engine.create(spec(SandboxSource::Snapshot(snapshot.clone()))).await.unwrap()
    }
}

pub(crate) fn options(directory: &std::path::Path) -> ContainerOptions {
    let launcher = LauncherProgram::Path(env!("CARGO_BIN_EXE_workers-sandbox-launcher").into());
    ContainerOptions { launcher, ..ContainerOptions::new(directory, node()) }
}

pub(crate) fn spec(source: SandboxSource) -> ContainerSpec {
    let (memory_bytes, disk_bytes) = (512 << 20, 256 << 20);
    ContainerSpec { source, memory_bytes, processes: 256, disk_bytes, network: NetworkPolicy::DenyAll }
}

/// The result of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

pub(crate) fn shell(script: &str) -> ContainerCommandSpec {
    let args = vec!["-c".to_owned(), script.to_owned()];
    ContainerCommandSpec { program: "sh".to_owned(), args, ..ContainerCommandSpec::default() }
}

pub(crate) async fn finish(mut command: Box<dyn ContainerCommand>) -> Result<Ran, SandboxError> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match command.next_event().await?.unwrap() {
            CommandEvent::Output { stream: LogStream::Stdout, bytes } => stdout.extend(bytes),
            CommandEvent::Output { stream: LogStream::Stderr, bytes } => stderr.extend(bytes),
            CommandEvent::Exited(exit) => {
                assert_eq!(command.next_event().await.unwrap(), None);
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                return Ok(Ran { stdout: text(stdout), stderr: text(stderr), status: exit.status });
            }
        }
    }
}

pub(crate) async fn run(container: &dyn Container, spec: ContainerCommandSpec) -> Ran {
    finish(container.run(spec).await.unwrap()).await.unwrap()
}

/// Runs a script that must succeed, and returns its output.
pub(crate) async fn sh(container: &dyn Container, script: &str) -> String {
    let ran = run(container, shell(script)).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (ExitStatus::Code(0), ""), "{script}");
    ran.stdout
}

/// Does the same as the container's root.
pub(crate) async fn root_sh(container: &dyn Container, script: &str) -> String {
    let ran = run(container, ContainerCommandSpec { as_root: true, ..shell(script) }).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (ExitStatus::Code(0), ""), "{script}");
    ran.stdout
}

/// A source of bytes in these pieces.
pub(crate) struct Pieces(pub(crate) std::vec::IntoIter<Vec<u8>>);

#[async_trait]
impl ByteSource for Pieces {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.next())
    }
}

/// Returns a gzipped archive of files, in pieces.
pub(crate) fn archive(files: &[(&str, &[u8], u32)]) -> Pieces {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for (path, content, mode) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    Pieces(bytes.chunks(1000).map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter())
}

pub(crate) async fn read(container: &dyn Container, path: &str) -> Result<Vec<u8>, SandboxError> {
    let mut source = container.read_file(path).await?;
    let mut all = Vec::new();
    while let Some(piece) = source.next().await.unwrap() {
        all.extend(piece);
    }
    Ok(all)
}
