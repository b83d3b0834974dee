//! The conformance suite for every [`SandboxProvider`].
//!
//! Each expectation is a function that gets a provider. [`sandbox_conformance!`] makes one test of each. A new
//! expectation is written here and added to the macro's list. The only program that runs is `node`, with `-e`.
//! Expectations of providers that limit memory are separate, in [`sandbox_memory_conformance!`], because not every
//! provider can do that.
//!
//! [`sandbox_conformance!`]: crate::sandbox_conformance
//! [`sandbox_memory_conformance!`]: crate::sandbox_memory_conformance

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use workers_domain::ports::{
    Clock, Command, CommandEvent, CommandExit, CommandSpec, ExitStatus, KillReason, Sandbox, SandboxErrorKind,
    SandboxFile, SandboxPath, SandboxProvider, SandboxSource, SandboxSpec, SystemClock,
};
use workers_domain::{LogStream, NetworkPolicy, ResourceLimits, SnapshotId};

/// Makes a module of tests, one for each expectation.
///
/// `sandbox_conformance!(isolated, make_provider)` takes the name of the module, and an async function without
/// arguments that returns something that dereferences to a [`SandboxProvider`]. The crate needs tokio.
#[macro_export]
macro_rules! sandbox_conformance {
    ($provider:ident, $make_provider:ident) => {
        $crate::sandbox_conformance! {
            @each $provider, $make_provider,
            a_command_prints_and_exits_with_its_code,
            both_outputs_arrive_apart_and_whole,
            a_large_output_is_not_lost_to_a_slow_reader,
            a_command_that_is_not_there_is_reported_as_such,
            a_command_gets_its_arguments_and_environment_and_no_other,
            files_are_found_below_the_working_directory,
            files_can_be_written_after_a_command_has_run,
            a_file_is_replaced,
            a_snapshot_keeps_what_was_written_and_what_commands_wrote,
            a_sandbox_made_from_a_snapshot_may_change_its_files_and_no_other_sees_it,
            a_snapshot_of_the_same_files_outlives_its_twin,
            a_snapshot_is_made_again_under_its_name_or_another_one,
            a_sandbox_goes_on_when_its_snapshot_is_deleted,
            an_unknown_snapshot_is_not_found,
            an_expired_snapshot_is_not_found,
            a_stopped_sandbox_says_so,
            a_sandbox_stops_twice,
            a_sandbox_ends_with_its_snapshot,
            a_command_is_killed_at_its_deadline_and_its_output_arrives,
            a_command_is_killed_when_asked,
            a_command_ends_when_its_sandbox_is_stopped,
            a_signal_is_reported_as_such,
            two_commands_run_in_one_sandbox,
            an_event_that_no_caller_waited_for_is_not_lost,
            what_a_command_leaves_behind_does_not_hold_up_its_end,
            sandboxes_do_not_see_each_others_files,
            many_sandboxes_at_once_are_not_mixed_up,
        }
    };
    (@each $provider:ident, $make_provider:ident, $($expectation:ident,)+) => {
        mod $provider {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $expectation() {
                    let provider = super::$make_provider().await;
                    $crate::sandbox_provider::$expectation(&*provider).await;
                }
            )+
        }
    };
}

/// Makes a module of tests for a provider that limits memory, like
/// [`sandbox_conformance!`](crate::sandbox_conformance).
#[macro_export]
macro_rules! sandbox_memory_conformance {
    ($provider:ident, $make_provider:ident) => {
        $crate::sandbox_conformance! {
            @each $provider, $make_provider,
            a_command_that_takes_too_much_memory_is_killed_for_it,
            usage_is_reported,
        }
    };
}

async fn sandbox(provider: &dyn SandboxProvider) -> Box<dyn Sandbox> {
    sandbox_with(provider, SandboxSource::Empty, ResourceLimits::default()).await
}

async fn sandbox_with(
    provider: &dyn SandboxProvider,
    source: SandboxSource,
    limits: ResourceLimits,
) -> Box<dyn Sandbox> {
    provider
        .create(SandboxSpec { source, limits, network: NetworkPolicy::default(), kept_for: None })
        .await
        .expect("a sandbox is made")
}

fn script(text: &str) -> CommandSpec {
    CommandSpec::named("node", vec!["-e".to_owned(), text.to_owned()])
}

fn file(path: &str, contents: &[u8]) -> SandboxFile {
    SandboxFile { path: SandboxPath::parse(path).expect("a good path"), contents: contents.to_vec() }
}

fn numbers(before: &str, count: usize) -> String {
    (0..count).map(|number| format!("{before}{number}\n")).collect::<Vec<_>>().concat()
}

#[derive(Debug)]
struct CommandResult {
    stdout: String,
    stderr: String,
    exit: CommandExit,
}

async fn finish(command: &mut dyn Command) -> CommandResult {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match command.next_event().await.expect("the command is not lost").expect("an end comes before the end") {
            CommandEvent::Output { stream: LogStream::Stdout, bytes } => stdout.extend(bytes),
            CommandEvent::Output { stream: LogStream::Stderr, bytes } => stderr.extend(bytes),
            CommandEvent::Exited(exit) => {
                assert_eq!(command.next_event().await.expect("no error"), None, "nothing comes after the end");
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
                return CommandResult { stdout: text(stdout), stderr: text(stderr), exit };
            }
        }
    }
}

async fn run(sandbox: &dyn Sandbox, text: &str) -> CommandResult {
    let mut command = sandbox.run(script(text)).await.expect("node starts");
    finish(&mut *command).await
}

/// Reads the first output of a command.
async fn first_output(command: &mut dyn Command) -> Vec<u8> {
    match command.next_event().await.expect("the command is not lost") {
        Some(CommandEvent::Output { bytes, .. }) => bytes,
        other => panic!("expected output, got {other:?}"),
    }
}

/// Checks that a command prints and exits with its code.
pub async fn a_command_prints_and_exits_with_its_code(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let ran = run(&*sandbox, "console.log('hello'); process.exitCode = 7").await;
    assert_eq!((ran.stdout.as_str(), ran.exit.status, ran.exit.killed), ("hello\n", ExitStatus::Code(7), None));
    sandbox.stop().await.expect("it stops");
}

/// Checks that both outputs arrive separately and completely.
pub async fn both_outputs_arrive_apart_and_whole(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let ran = run(&*sandbox, "for (let i = 0; i < 1000; i++) { console.log('o' + i); console.error('e' + i) }").await;
    assert_eq!(ran.stdout, numbers("o", 1000));
    assert_eq!(ran.stderr, numbers("e", 1000));
    sandbox.stop().await.expect("it stops");
}

/// Checks that a slow reader gets all of a large output.
pub async fn a_large_output_is_not_lost_to_a_slow_reader(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    // 4 MiB, while a pipe of Linux holds 64 KiB: the command has to wait for its reader again and again.
    let text = "const fs = require('fs'); const line = 'x'.repeat(1023) + '\\n';
        process.stdout._handle?.setBlocking?.(true); for (let i = 0; i < 4096; i++) process.stdout.write(line)";
    let mut command = sandbox.run(script(text)).await.expect("node starts");
    let first = first_output(&mut *command).await.len();
    // The reader does something else in between.
    tokio::task::yield_now().await;
    let ran = finish(&mut *command).await;
    assert_eq!(first + ran.stdout.len(), 4 << 20);
    sandbox.stop().await.expect("it stops");
}

/// Checks that running a program that does not exist fails with `CommandNotFound`.
pub async fn a_command_that_is_not_there_is_reported_as_such(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let spec = CommandSpec::named("no-such-program", Vec::new());
    let error = sandbox.run(spec).await.err().expect("it is not found");
    assert_eq!(error.kind, SandboxErrorKind::CommandNotFound);
    assert_eq!(run(&*sandbox, "console.log(1)").await.stdout, "1\n", "the sandbox goes on");
    sandbox.stop().await.expect("it stops");
}

/// Checks that a command gets its arguments and its environment, and nothing else.
pub async fn a_command_gets_its_arguments_and_environment_and_no_other(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let mut spec = script("console.log(JSON.stringify([process.argv.slice(1), process.env]))");
    // 80,000 bytes: Linux allows less than 128 KiB for one argument.
    let long = "long".repeat(20_000);
    spec.args.extend(["--".to_owned(), "an argument; $(not) a 'shell'".to_owned(), long.clone()]);
    spec.env.push(("GREETING".to_owned(), "hello = world".to_owned()));
    let ran = finish(&mut *sandbox.run(spec).await.expect("node starts")).await;
    assert!(ran.stdout.contains("an argument; $(not) a 'shell'"), "{}", ran.stdout);
    assert!(ran.stdout.contains(&long), "a long argument arrives");
    assert!(ran.stdout.contains(r#""GREETING":"hello = world""#), "{}", ran.stdout);
    for foreign in ["NODE_OPTIONS", "CARGO", "CARGO_MANIFEST_DIR"] {
        assert!(!ran.stdout.contains(&format!("\"{foreign}\"")), "{foreign} came from the host");
    }
    sandbox.stop().await.expect("it stops");
}

/// Checks that files are found below the working directory.
pub async fn files_are_found_below_the_working_directory(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    // Every byte once, so that a conversion to text cannot go unnoticed.
    let bytes: Vec<u8> = (0..=255).collect();
    let files = vec![file("main.mjs", b"console.log('main')"), file("a/b/data.bin", &bytes), file("empty", b"")];
    sandbox.write_files(files).await.expect("they are written");
    let text = "const fs = require('fs'); console.log(fs.readFileSync('a/b/data.bin').toString('hex'),
        fs.statSync('empty').size); import(process.cwd() + '/main.mjs')";
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!(run(&*sandbox, text).await.stdout, format!("{hex} 0\nmain\n"));
    sandbox.stop().await.expect("it stops");
}

/// Checks that files can be written after a command has run.
pub async fn files_can_be_written_after_a_command_has_run(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    run(&*sandbox, "0").await;
    let large = vec![b'x'; 3 << 20];
    sandbox.write_files(vec![file("late/file", b"late"), file("large", &large)]).await.expect("they are written");
    let text = "const fs = require('fs'); console.log(fs.readFileSync('late/file', 'utf8'), fs.statSync('large').size)";
    assert_eq!(run(&*sandbox, text).await.stdout, format!("late {}\n", large.len()));
    sandbox.stop().await.expect("it stops");
}

/// Checks that a file is replaced.
pub async fn a_file_is_replaced(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    // The longer one first: a rest of it behind the second would show.
    sandbox.write_files(vec![file("file", b"the first, which is longer")]).await.expect("it is written");
    sandbox.write_files(vec![file("file", b"the second")]).await.expect("it is written");
    let read = "console.log(require('fs').readFileSync('file', 'utf8'))";
    assert_eq!(run(&*sandbox, read).await.stdout, "the second\n");
    sandbox.write_files(vec![file("file", b"third")]).await.expect("it is written");
    assert_eq!(run(&*sandbox, read).await.stdout, "third\n");
    sandbox.stop().await.expect("it stops");
}

/// Checks that a snapshot contains the files that the caller wrote and those that commands wrote.
pub async fn a_snapshot_keeps_what_was_written_and_what_commands_wrote(provider: &dyn SandboxProvider) {
    let first = sandbox(provider).await;
    first.write_files(vec![file("written", b"by us")]).await.expect("it is written");
    let text = "const fs = require('fs'); fs.mkdirSync('made/here', { recursive: true });
        fs.writeFileSync('made/here/file', 'by a command'); fs.symlinkSync('written', 'link')";
    run(&*first, text).await;
    let snapshot = first.snapshot(None).await.expect("it is frozen");
    // The size is at least the length of the files; a provider may count the space that they take on its disk.
    assert!(snapshot.size_bytes >= 17, "{}", snapshot.size_bytes);
    let found = provider.find_snapshot(&snapshot.id).await.expect("it can be found out");
    assert_eq!(found.as_ref(), Some(&snapshot));
    let source = SandboxSource::Snapshot(snapshot.id.clone());
    let second = sandbox_with(provider, source, ResourceLimits::default()).await;
    let text = "const read = (path) => require('fs').readFileSync(path, 'utf8');
        console.log(read('written'), read('made/here/file'), read('link'))";
    assert_eq!(run(&*second, text).await.stdout, "by us by a command by us\n");
    second.stop().await.expect("it stops");
    provider.delete_snapshot(&snapshot.id).await.expect("it is deleted");
}

async fn snapshot_of(provider: &dyn SandboxProvider, path: &str, contents: &[u8]) -> SnapshotId {
    let sandbox = sandbox(provider).await;
    sandbox.write_files(vec![file(path, contents)]).await.expect("it is written");
    sandbox.snapshot(None).await.expect("it is frozen").id
}

/// Checks that a sandbox can change the files of its snapshot, and that no other sandbox sees the changes.
pub async fn a_sandbox_made_from_a_snapshot_may_change_its_files_and_no_other_sees_it(provider: &dyn SandboxProvider) {
    let id = snapshot_of(provider, "directory/file", b"original").await;
    let from = || sandbox_with(provider, SandboxSource::Snapshot(id.clone()), ResourceLimits::default());
    let (first, second) = (from().await, from().await);
    let text = "const fs = require('fs'); fs.appendFileSync('directory/file', ' and more');
        fs.writeFileSync('directory/new', ''); console.log(fs.readFileSync('directory/file', 'utf8'))";
    let changed = run(&*first, text).await;
    assert_eq!((changed.stdout.as_str(), changed.stderr.as_str()), ("original and more\n", ""));
    let text = "const fs = require('fs'); console.log(fs.readFileSync('directory/file', 'utf8'),
        fs.readdirSync('directory').length)";
    assert_eq!(run(&*second, text).await.stdout, "original 1\n");
    first.stop().await.expect("it stops");
    second.stop().await.expect("it stops");
    provider.delete_snapshot(&id).await.expect("it is deleted");
}

/// Checks that of two snapshots of the same files one remains when the other is deleted.
pub async fn a_snapshot_of_the_same_files_outlives_its_twin(provider: &dyn SandboxProvider) {
    let first = snapshot_of(provider, "file", b"the same").await;
    let second = snapshot_of(provider, "file", b"the same").await;
    assert_ne!(first, second, "each snapshot has an id of its own");
    provider.delete_snapshot(&first).await.expect("it is deleted");
    assert_eq!(provider.find_snapshot(&first).await.expect("it can be found out"), None);
    let survivor = sandbox_with(provider, SandboxSource::Snapshot(second.clone()), ResourceLimits::default()).await;
    assert_eq!(run(&*survivor, "console.log(require('fs').readFileSync('file', 'utf8'))").await.stdout, "the same\n");
    survivor.stop().await.expect("it stops");
    provider.delete_snapshot(&second).await.expect("it is deleted");
    provider.delete_snapshot(&second).await.expect("deleting twice is no error");
}

/// Checks that a snapshot can be made again under its name or another one. A provider that keeps its own snapshots uses
/// the requested name; the returned snapshot has the name that was used.
pub async fn a_snapshot_is_made_again_under_its_name_or_another_one(provider: &dyn SandboxProvider) {
    let id = snapshot_of(provider, "file", b"the first").await;
    for (delete_first, contents) in [(true, "made again"), (false, "in place of the one that is there")] {
        if delete_first {
            provider.delete_snapshot(&id).await.expect("it is deleted");
        }
        let sandbox = sandbox(provider).await;
        sandbox.write_files(vec![file("file", contents.as_bytes())]).await.expect("it is written");
        let made = sandbox.snapshot_as(&id, None).await.expect("it is frozen");
        assert_eq!(provider.find_snapshot(&made.id).await.expect("it can be found out").as_ref(), Some(&made));
        let source = SandboxSource::Snapshot(made.id.clone());
        let user = sandbox_with(provider, source, ResourceLimits::default()).await;
        let read = "process.stdout.write(require('fs').readFileSync('file', 'utf8'))";
        assert_eq!(run(&*user, read).await.stdout, contents);
        user.stop().await.expect("it stops");
        if made.id != id {
            provider.delete_snapshot(&made.id).await.expect("it is deleted");
        }
    }
    provider.delete_snapshot(&id).await.expect("it is deleted");
    assert_eq!(provider.find_snapshot(&id).await.expect("it can be found out"), None);
}

/// Checks that a sandbox continues to work after its snapshot is deleted.
pub async fn a_sandbox_goes_on_when_its_snapshot_is_deleted(provider: &dyn SandboxProvider) {
    let id = snapshot_of(provider, "file", b"still here").await;
    let sandbox = sandbox_with(provider, SandboxSource::Snapshot(id.clone()), ResourceLimits::default()).await;
    provider.delete_snapshot(&id).await.expect("it is deleted");
    let text = "console.log(require('fs').readFileSync('file', 'utf8'))";
    assert_eq!(run(&*sandbox, text).await.stdout, "still here\n");
    sandbox.stop().await.expect("it stops");
}

/// Checks that an unknown snapshot is not found.
pub async fn an_unknown_snapshot_is_not_found(provider: &dyn SandboxProvider) {
    // Some providers make a path of an id, which must not lead out of their directory.
    for id in ["snap_0193579b-0000-7000-8000-000000000000", "../../etc", "", "snap_x"].map(SnapshotId::new) {
        assert_eq!(provider.find_snapshot(&id).await.expect("it can be found out"), None);
        provider.delete_snapshot(&id).await.expect("one that is gone is no error");
        let spec = SandboxSpec {
            source: SandboxSource::Snapshot(id),
            limits: ResourceLimits::default(),
            network: NetworkPolicy::default(),
            kept_for: None,
        };
        let error = provider.create(spec).await.err().expect("there is nothing to make it of");
        assert_eq!(error.kind, SandboxErrorKind::SnapshotNotFound);
    }
}

/// Checks that an expired snapshot is not found.
pub async fn an_expired_snapshot_is_not_found(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let past = SystemClock.now() - TimeDelta::seconds(1);
    let snapshot = sandbox.snapshot(Some(past)).await.expect("it is frozen");
    assert_eq!(provider.find_snapshot(&snapshot.id).await.expect("it can be found out"), None);
}

/// Checks that every call of a stopped sandbox fails with `Stopped`.
pub async fn a_stopped_sandbox_says_so(provider: &dyn SandboxProvider) {
    for has_run in [false, true] {
        let sandbox = sandbox(provider).await;
        if has_run {
            run(&*sandbox, "0").await;
        }
        sandbox.stop().await.expect("it stops");
        let kinds = [
            sandbox.run(script("0")).await.err().map(|error| error.kind),
            sandbox.write_files(Vec::new()).await.err().map(|error| error.kind),
            sandbox.snapshot(None).await.err().map(|error| error.kind),
        ];
        assert_eq!(kinds, [Some(SandboxErrorKind::Stopped); 3]);
    }
}

/// Checks that stopping a stopped sandbox succeeds.
pub async fn a_sandbox_stops_twice(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    run(&*sandbox, "0").await;
    sandbox.stop().await.expect("it stops");
    sandbox.stop().await.expect("stopping twice is no error");
}

/// Checks that taking a snapshot ends the sandbox and its commands.
pub async fn a_sandbox_ends_with_its_snapshot(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let mut command = sandbox.run(script("console.log(1); setInterval(() => {}, 1000)")).await.expect("node starts");
    first_output(&mut *command).await;
    let snapshot = sandbox.snapshot(None).await.expect("it is frozen");
    finish(&mut *command).await;
    let error = sandbox.run(script("0")).await.err().expect("it is over");
    assert_eq!(error.kind, SandboxErrorKind::Stopped);
    provider.delete_snapshot(&snapshot.id).await.expect("it is deleted");
}

/// Checks that a command is killed at its deadline and its output arrives.
pub async fn a_command_is_killed_at_its_deadline_and_its_output_arrives(provider: &dyn SandboxProvider) {
    // Long enough for Node.js to start and print, also on a slow host.
    let limits = ResourceLimits { wall_clock: Duration::from_millis(1500), ..ResourceLimits::default() };
    let sandbox = sandbox_with(provider, SandboxSource::Empty, limits).await;
    let started = Instant::now();
    let ran = run(&*sandbox, "console.log('before'); for (;;) {}").await;
    assert_eq!((ran.stdout.as_str(), ran.exit.killed), ("before\n", Some(KillReason::Timeout)));
    assert!(started.elapsed() >= limits.wall_clock, "not before its time");
    assert!(started.elapsed() < limits.wall_clock * 4, "not long after");
    sandbox.stop().await.expect("it stops");
}

/// Checks that a command ends when it is killed.
pub async fn a_command_is_killed_when_asked(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let mut command = sandbox.run(script("console.log('up'); setInterval(() => {}, 1000)")).await.expect("node starts");
    assert_eq!(first_output(&mut *command).await, b"up\n");
    command.kill().await.expect("it is killed");
    assert_eq!(finish(&mut *command).await.exit.killed, Some(KillReason::Requested));
    command.kill().await.expect("killing what has ended is no error");
    assert_eq!(run(&*sandbox, "console.log(1)").await.stdout, "1\n", "the sandbox goes on");
    sandbox.stop().await.expect("it stops");
}

/// Checks that a command ends when its sandbox is stopped.
pub async fn a_command_ends_when_its_sandbox_is_stopped(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let mut command = sandbox.run(script("console.log('up'); setInterval(() => {}, 1000)")).await.expect("node starts");
    first_output(&mut *command).await;
    sandbox.stop().await.expect("it stops");
    assert_eq!(finish(&mut *command).await.exit.killed, Some(KillReason::Requested));
}

/// Checks that the exit of a command that a signal ended names that signal.
pub async fn a_signal_is_reported_as_such(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    // The timer keeps the process alive until the signal has arrived.
    let ran = run(&*sandbox, "process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)").await;
    assert_eq!((ran.exit.status, ran.exit.killed), (ExitStatus::Signal(15), None));
    sandbox.stop().await.expect("it stops");
}

/// Checks that two commands can run in one sandbox at the same time.
pub async fn two_commands_run_in_one_sandbox(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let text = "console.log('up'); const wait = setInterval(() => {
        if (require('fs').existsSync('go')) { console.log('went'); clearInterval(wait) } }, 5)";
    let mut waits = sandbox.run(script(text)).await.expect("node starts");
    assert_eq!(first_output(&mut *waits).await, b"up\n");
    assert_eq!(run(&*sandbox, "require('fs').writeFileSync('go', '')").await.exit.status, ExitStatus::Code(0));
    let ran = finish(&mut *waits).await;
    assert_eq!((ran.stdout.as_str(), ran.exit.status), ("went\n", ExitStatus::Code(0)));
    sandbox.stop().await.expect("it stops");
}

/// Checks that no event is lost when a call of `next_event` is dropped.
pub async fn an_event_that_no_caller_waited_for_is_not_lost(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    let text =
        "let i = 0; const timer = setInterval(() => { console.log(i); if (++i === 50) clearInterval(timer) }, 2)";
    let mut command = sandbox.run(script(text)).await.expect("node starts");
    let mut printed = Vec::new();
    loop {
        // The call is cut off again and again, as in a `select!`.
        let Ok(event) = tokio::time::timeout(Duration::from_millis(1), command.next_event()).await else { continue };
        match event.expect("the command is not lost") {
            Some(CommandEvent::Output { bytes, .. }) => printed.extend(bytes),
            Some(CommandEvent::Exited(_)) => break,
            None => panic!("the end is lost"),
        }
    }
    assert_eq!(String::from_utf8(printed).expect("UTF-8"), numbers("", 50));
    sandbox.stop().await.expect("it stops");
}

/// Checks that a process that a command leaves behind does not delay the command's exit.
pub async fn what_a_command_leaves_behind_does_not_hold_up_its_end(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    // The child inherits both outputs and keeps them open, so their end cannot be what ends the command.
    let text = "const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'],
        { detached: true, stdio: 'inherit' }); child.unref(); console.log('leaving')";
    let started = Instant::now();
    let ran = run(&*sandbox, text).await;
    assert_eq!((ran.stdout.as_str(), ran.exit.status), ("leaving\n", ExitStatus::Code(0)));
    assert!(started.elapsed() < ResourceLimits::default().wall_clock / 2, "it did not wait for the deadline");
    sandbox.stop().await.expect("it stops");
}

/// Checks that sandboxes do not see each other's files.
pub async fn sandboxes_do_not_see_each_others_files(provider: &dyn SandboxProvider) {
    let (first, second) = (sandbox(provider).await, sandbox(provider).await);
    assert_eq!(run(&*first, "require('fs').writeFileSync('file', 'mine')").await.exit.status, ExitStatus::Code(0));
    assert_eq!(run(&*second, "console.log(require('fs').existsSync('file'))").await.stdout, "false\n");
    first.stop().await.expect("it stops");
    second.stop().await.expect("it stops");
}

/// Creates a sandbox. A provider may have no room for so many and return an error; then this tries again until there is
/// room.
async fn sandbox_when_there_is_room(
    provider: &dyn SandboxProvider,
    id: &SnapshotId,
    limits: ResourceLimits,
) -> Box<dyn Sandbox> {
    let (source, network) = (SandboxSource::Snapshot(id.clone()), NetworkPolicy::default());
    loop {
        match provider
            .create(SandboxSpec { source: source.clone(), limits, network: network.clone(), kept_for: None })
            .await
        {
            Ok(sandbox) => return sandbox,
            Err(error) if error.kind == SandboxErrorKind::Unavailable => tokio::task::yield_now().await,
            Err(error) => panic!("a sandbox is made: {error:?}"),
        }
    }
}

/// Checks that many concurrent sandboxes do not get each other's files, outputs or exit codes.
pub async fn many_sandboxes_at_once_are_not_mixed_up(provider: &dyn SandboxProvider) {
    let id = snapshot_of(provider, "file", b"shared").await;
    // On a host with few cores, 200 at once may take longer than the default of 30 s.
    let limits = ResourceLimits { wall_clock: Duration::from_mins(2), ..ResourceLimits::default() };
    let one = async |number: usize| {
        let sandbox = sandbox_when_there_is_room(provider, &id, limits).await;
        // Some providers use exit codes above 128 for signals.
        let code = number % 100;
        let text = format!(
            "const fs = require('fs'); fs.writeFileSync('own', '{number}');
             console.log(fs.readFileSync('file', 'utf8'), fs.readFileSync('own', 'utf8')); process.exitCode = {code}"
        );
        let ran = run(&*sandbox, &text).await;
        assert_eq!(ran.stdout, format!("shared {number}\n"), "{ran:?}");
        assert_eq!(ran.exit.status, ExitStatus::Code(i32::try_from(code).expect("small")));
        sandbox.stop().await.expect("it stops");
    };
    join_all((0..200).map(one)).await;
    provider.delete_snapshot(&id).await.expect("it is deleted");
}

/// Checks that a command that exceeds the memory limit is killed, and that the exit says why. For providers that limit
/// memory.
pub async fn a_command_that_takes_too_much_memory_is_killed_for_it(provider: &dyn SandboxProvider) {
    let limits = ResourceLimits { memory_bytes: 128 << 20, ..ResourceLimits::default() };
    let sandbox = sandbox_with(provider, SandboxSource::Empty, limits).await;
    let ran =
        run(&*sandbox, "console.log('before'); const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))").await;
    assert_eq!((ran.stdout.as_str(), ran.exit.killed), ("before\n", Some(KillReason::OutOfMemory)));
    sandbox.stop().await.expect("it stops");
}

/// Checks that the exit of a command contains its processor time and its memory. For providers that limit memory.
pub async fn usage_is_reported(provider: &dyn SandboxProvider) {
    let sandbox = sandbox(provider).await;
    // Filled with ones, because pages that were never written to take no memory.
    let text = "const held = Buffer.alloc(50 << 20, 1); while (process.cpuUsage().user < 100_000); held[0]";
    let usage = run(&*sandbox, text).await.exit.usage;
    assert!(usage.cpu.expect("it is known") >= Duration::from_millis(100), "{usage:?}");
    assert!(usage.max_memory_bytes.expect("it is known") >= 50 << 20, "{usage:?}");
    sandbox.stop().await.expect("it stops");
}
