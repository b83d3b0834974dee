//! The conformance suite for every [`ContainerProvider`].
//!
//! Each expectation is a function that gets a provider. [`container_conformance!`] makes one test of each. The only
//! commands that run are those of [`container_script`], so that a provider without processes can play them.
//!
//! [`container_conformance!`]: crate::container_conformance

use std::io;
use std::vec;

use async_trait::async_trait;
use flate2::Compression;
use flate2::write::GzEncoder;
use workers_domain::ports::{
    ByteSource, CommandEvent, Container, ContainerCommand, ContainerCommandSpec, ContainerProvider, ContainerSpec,
    ExitStatus, SandboxError, SandboxErrorKind, SandboxSource,
};
use workers_domain::{LogStream, NetworkPolicy, SnapshotId};

use crate::ContainerStep;

/// Makes a module of tests, one for each expectation.
///
/// `container_conformance!(engine, make_provider)` takes the name of the module, and an async function without
/// arguments that returns something that dereferences to a [`ContainerProvider`]. The crate needs tokio.
#[macro_export]
macro_rules! container_conformance {
    ($provider:ident, $make_provider:ident) => {
        $crate::container_conformance! {
            @each $provider, $make_provider,
            a_command_prints_to_both_outputs_and_exits_with_its_code,
            a_program_that_does_not_exist_is_not_found,
            a_working_directory_that_does_not_exist_is_not_found,
            a_signal_ends_a_command_and_one_that_has_ended_takes_no_harm,
            commands_of_one_container_have_numbers_of_their_own,
            what_an_archive_holds_can_be_read_and_replaces_what_was_there,
            an_archive_that_leads_out_of_its_directory_is_refused,
            an_archive_that_is_none_is_refused,
            a_file_that_does_not_exist_is_not_found_and_a_directory_is_no_file,
            a_directory_is_made_with_those_above_it_only_if_asked_to,
            a_snapshot_ends_its_container_and_others_start_from_it,
            a_container_changes_nothing_of_the_snapshot_that_it_came_from,
            a_snapshot_is_listed_and_found_until_it_is_deleted,
            a_container_goes_on_when_its_snapshot_is_deleted,
            an_unknown_snapshot_is_not_found,
            a_stopped_container_says_so_and_stops_twice,
            a_command_of_a_container_that_is_stopped_has_no_outcome,
        }
    };
    (@each $provider:ident, $make_provider:ident, $($expectation:ident,)+) => {
        mod $provider {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $expectation() {
                    let provider = super::$make_provider().await;
                    $crate::container_provider::$expectation(&*provider).await;
                }
            )+
        }
    };
}

/// The text of a shell command that prints to both outputs and exits with 3.
const PRINTS: &str = "echo out; echo err >&2; exit 3";

/// The text of a shell command that does not end.
const HANGS: &str = "exec sleep 600";

/// Plays the commands of this suite, for a provider without processes.
#[must_use]
pub fn container_script(command: &ContainerCommandSpec) -> Option<Vec<ContainerStep>> {
    let [_, text] = command.args.as_slice() else { return None };
    match (command.program.as_str(), text.as_str()) {
        ("sh", PRINTS) => Some(vec![
            ContainerStep::Print(LogStream::Stdout, b"out\n".to_vec()),
            ContainerStep::Print(LogStream::Stderr, b"err\n".to_vec()),
            ContainerStep::Exit(ExitStatus::Code(3)),
        ]),
        ("sh", HANGS) => Some(vec![ContainerStep::Hang]),
        _ => None,
    }
}

fn shell(text: &str) -> ContainerCommandSpec {
    let args = vec!["-c".to_owned(), text.to_owned()];
    ContainerCommandSpec { program: "sh".to_owned(), args, ..ContainerCommandSpec::default() }
}

async fn create(provider: &dyn ContainerProvider, source: SandboxSource) -> Result<Box<dyn Container>, SandboxError> {
    let (memory_bytes, disk_bytes) = (512 << 20, 256 << 20);
    let network = NetworkPolicy::DenyAll;
    provider.create(ContainerSpec { source, memory_bytes, processes: 256, disk_bytes, network }).await
}

async fn container(provider: &dyn ContainerProvider) -> Box<dyn Container> {
    create(provider, SandboxSource::Empty).await.expect("a container is made")
}

async fn container_from(provider: &dyn ContainerProvider, id: &SnapshotId) -> Box<dyn Container> {
    create(provider, SandboxSource::Snapshot(id.clone())).await.expect("a container is made from the snapshot")
}

/// The outputs of a command, and how it ended.
async fn finish(mut command: Box<dyn ContainerCommand>) -> Result<(String, String, ExitStatus), SandboxError> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match command.next_event().await?.expect("a command has an end") {
            CommandEvent::Output { stream: LogStream::Stdout, bytes } => stdout.extend(bytes),
            CommandEvent::Output { stream: LogStream::Stderr, bytes } => stderr.extend(bytes),
            CommandEvent::Exited(exit) => {
                assert_eq!(command.next_event().await.expect("it has ended"), None, "nothing follows the end");
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                return Ok((text(stdout), text(stderr), exit.status));
            }
        }
    }
}

fn kind<T>(result: Result<T, SandboxError>) -> Option<SandboxErrorKind> {
    result.err().map(|error| error.kind)
}

/// A source of bytes in these pieces.
struct Pieces(vec::IntoIter<Vec<u8>>);

impl Pieces {
    fn of(bytes: &[u8]) -> Self {
        // 7 bytes, so that pieces end in the middle of headers and blocks.
        Self(bytes.chunks(7).map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter())
    }
}

#[async_trait]
impl ByteSource for Pieces {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.next())
    }
}

/// Returns a gzipped archive with one file.
fn archive(path: &str, contents: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    // Written as it is: the library itself refuses names that lead out.
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(contents.len().try_into().expect("small"));
    header.set_mode(0o644);
    header.set_cksum();
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    builder.append(&header, contents).expect("it is in memory");
    builder.into_inner().and_then(GzEncoder::finish).expect("it is in memory")
}

async fn write(container: &dyn Container, path: &str, contents: &[u8]) -> Result<(), SandboxError> {
    container.write_archive(container.home(), &mut Pieces::of(&archive(path, contents))).await
}

async fn read(container: &dyn Container, path: &str) -> Result<Vec<u8>, SandboxError> {
    let mut source = container.read_file(&format!("{}/{path}", container.home())).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = source.next().await.expect("the file is read") {
        bytes.extend(piece);
    }
    Ok(bytes)
}

/// Checks that both outputs and the exit code arrive.
pub async fn a_command_prints_to_both_outputs_and_exits_with_its_code(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    let ran = finish(container.run(shell(PRINTS)).await.expect("it starts")).await.expect("it ends");
    assert_eq!(ran, ("out\n".to_owned(), "err\n".to_owned(), ExitStatus::Code(3)));
    container.stop().await.expect("it stops");
}

/// Checks the error for a program that does not exist.
pub async fn a_program_that_does_not_exist_is_not_found(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    let spec = ContainerCommandSpec { program: "no-such-program".to_owned(), ..ContainerCommandSpec::default() };
    assert_eq!(kind(container.run(spec).await), Some(SandboxErrorKind::CommandNotFound));
    container.stop().await.expect("it stops");
}

/// Checks the error for a working directory that does not exist.
pub async fn a_working_directory_that_does_not_exist_is_not_found(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    let spec = ContainerCommandSpec { directory: Some("/no/such/place".to_owned()), ..shell(PRINTS) };
    assert_eq!(kind(container.run(spec).await), Some(SandboxErrorKind::FileNotFound));
    container.stop().await.expect("it stops");
}

/// Checks that a signal ends a command, and that a later signal to the same command is no error.
pub async fn a_signal_ends_a_command_and_one_that_has_ended_takes_no_harm(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    let command = container.run(shell(HANGS)).await.expect("it starts");
    let number = command.number();
    container.signal(number, 15).await.expect("it is signalled");
    let (_, _, status) = finish(command).await.expect("it ends");
    assert_eq!(status, ExitStatus::Signal(15));
    container.signal(number, 15).await.expect("it has ended");
    container.stop().await.expect("it stops");
}

/// Checks that the numbers of commands differ.
pub async fn commands_of_one_container_have_numbers_of_their_own(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    let (one, two) = (container.run(shell(HANGS)).await, container.run(shell(PRINTS)).await);
    let (one, two) = (one.expect("it starts"), two.expect("it starts"));
    assert_ne!(one.number(), two.number());
    container.signal(one.number(), 9).await.expect("it is signalled");
    let (ended, other) = (finish(one).await.expect("it ends"), finish(two).await.expect("it ends"));
    assert_eq!((ended.2, other.2), (ExitStatus::Signal(9), ExitStatus::Code(3)));
    container.stop().await.expect("it stops");
}

/// Checks that files of an archive are written, with the directories that lead to them.
pub async fn what_an_archive_holds_can_be_read_and_replaces_what_was_there(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    for contents in [b"first".to_vec(), vec![7; 100_000], Vec::new()] {
        write(&*container, "a/b/file", &contents).await.expect("it is written");
        assert_eq!(read(&*container, "a/b/file").await.expect("it is there"), contents);
    }
    container.stop().await.expect("it stops");
}

/// Checks that a path with `..` is refused.
pub async fn an_archive_that_leads_out_of_its_directory_is_refused(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    assert_eq!(kind(write(&*container, "../out", b"x").await), Some(SandboxErrorKind::FileRefused));
    container.stop().await.expect("it stops");
}

/// Checks that bytes that are no archive are refused.
pub async fn an_archive_that_is_none_is_refused(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    let refused = container.write_archive(container.home(), &mut Pieces::of(b"no archive at all")).await;
    assert_eq!(kind(refused), Some(SandboxErrorKind::FileRefused));
    container.stop().await.expect("it stops");
}

/// Checks the errors of reading.
pub async fn a_file_that_does_not_exist_is_not_found_and_a_directory_is_no_file(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    assert_eq!(kind(read(&*container, "none").await), Some(SandboxErrorKind::FileNotFound));
    container.make_directory(&format!("{}/directory", container.home()), false).await.expect("it is made");
    assert_eq!(kind(read(&*container, "directory").await), Some(SandboxErrorKind::FileRefused));
    container.stop().await.expect("it stops");
}

/// Checks what `recursive` means.
pub async fn a_directory_is_made_with_those_above_it_only_if_asked_to(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    let path = format!("{}/one/two", container.home());
    assert_eq!(kind(container.make_directory(&path, false).await), Some(SandboxErrorKind::FileRefused));
    for _ in 0..2 {
        container.make_directory(&path, true).await.expect("it is made, or there already");
    }
    assert_eq!(kind(container.make_directory(&path, false).await), Some(SandboxErrorKind::FileRefused));
    container.stop().await.expect("it stops");
}

/// Checks that a snapshot keeps files, and that its container has ended.
pub async fn a_snapshot_ends_its_container_and_others_start_from_it(provider: &dyn ContainerProvider) {
    let first = container(provider).await;
    write(&*first, "kept", b"kept").await.expect("it is written");
    let snapshot = first.snapshot().await.expect("it is taken");
    assert!(snapshot.size_bytes > 0);
    first.ended().await;
    assert_eq!(kind(first.run(shell(PRINTS)).await), Some(SandboxErrorKind::Stopped));
    for _ in 0..2 {
        let next = container_from(provider, &snapshot.id).await;
        assert_eq!(read(&*next, "kept").await.expect("it is there"), b"kept");
        next.stop().await.expect("it stops");
    }
    provider.delete_snapshot(&snapshot.id).await.expect("it is deleted");
}

/// Checks that containers from one snapshot do not see each other's changes.
pub async fn a_container_changes_nothing_of_the_snapshot_that_it_came_from(provider: &dyn ContainerProvider) {
    let first = container(provider).await;
    write(&*first, "file", b"first").await.expect("it is written");
    let snapshot = first.snapshot().await.expect("it is taken");
    let (one, two) = (container_from(provider, &snapshot.id).await, container_from(provider, &snapshot.id).await);
    write(&*one, "file", b"changed").await.expect("it is written");
    let three = container_from(provider, &snapshot.id).await;
    for other in [two, three] {
        assert_eq!(read(&*other, "file").await.expect("it is there"), b"first");
        other.stop().await.expect("it stops");
    }
    one.stop().await.expect("it stops");
    provider.delete_snapshot(&snapshot.id).await.expect("it is deleted");
}

/// Checks the list of snapshots.
pub async fn a_snapshot_is_listed_and_found_until_it_is_deleted(provider: &dyn ContainerProvider) {
    let snapshot = container(provider).await.snapshot().await.expect("it is taken");
    let listed = provider.snapshots().await.expect("they are listed");
    assert!(listed.contains(&snapshot.id));
    let found = provider.find_snapshot(&snapshot.id).await.expect("it is looked for").expect("it is there");
    assert_eq!((found.id, found.size_bytes), (snapshot.id.clone(), snapshot.size_bytes));
    for _ in 0..2 {
        provider.delete_snapshot(&snapshot.id).await.expect("it is deleted, or gone already");
    }
    assert_eq!(provider.find_snapshot(&snapshot.id).await.expect("it is looked for"), None);
    assert!(!provider.snapshots().await.expect("they are listed").contains(&snapshot.id));
}

/// Checks that a container does not need its snapshot.
pub async fn a_container_goes_on_when_its_snapshot_is_deleted(provider: &dyn ContainerProvider) {
    let first = container(provider).await;
    write(&*first, "file", b"text").await.expect("it is written");
    let snapshot = first.snapshot().await.expect("it is taken");
    let next = container_from(provider, &snapshot.id).await;
    provider.delete_snapshot(&snapshot.id).await.expect("it is deleted");
    assert_eq!(read(&*next, "file").await.expect("it is there"), b"text");
    next.stop().await.expect("it stops");
}

/// Checks the errors for a snapshot that does not exist.
pub async fn an_unknown_snapshot_is_not_found(provider: &dyn ContainerProvider) {
    let snapshot = container(provider).await.snapshot().await.expect("it is taken");
    provider.delete_snapshot(&snapshot.id).await.expect("it is deleted");
    let refused = create(provider, SandboxSource::Snapshot(snapshot.id)).await;
    assert_eq!(kind(refused), Some(SandboxErrorKind::SnapshotNotFound));
}

/// Checks the errors of a container that was stopped.
pub async fn a_stopped_container_says_so_and_stops_twice(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    for _ in 0..2 {
        container.stop().await.expect("it stops");
    }
    container.ended().await;
    assert_eq!(kind(container.run(shell(PRINTS)).await), Some(SandboxErrorKind::Stopped));
    assert_eq!(kind(container.signal(0, 15).await), Some(SandboxErrorKind::Stopped));
    assert_eq!(kind(write(&*container, "file", b"x").await), Some(SandboxErrorKind::Stopped));
    assert_eq!(kind(container.snapshot().await), Some(SandboxErrorKind::Stopped));
}

/// Checks that a command whose container is stopped ends with an error, and not with an exit.
pub async fn a_command_of_a_container_that_is_stopped_has_no_outcome(provider: &dyn ContainerProvider) {
    let container = container(provider).await;
    let command = container.run(shell(HANGS)).await.expect("it starts");
    let (ended, stopped) = tokio::join!(finish(command), container.stop());
    stopped.expect("it stops");
    assert!(ended.is_err(), "{ended:?}");
}
