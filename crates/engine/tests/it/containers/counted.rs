//! Resources that the kernel counts for each user: a container that uses up its own takes nothing from the host or from
//! other containers.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use workers_domain::ports::{CommandEvent, Container, ContainerCommand, ContainerCommandSpec, SandboxErrorKind};
use workers_engine::{ContainerEngine, ContainerOptions};
use workers_engine_sys::syscall_number;
use workers_testing::skip_unless_root;

use super::support::{Containers, options, run, shell};
use crate::counted::{creator_of, has_share, processes_with};
use crate::support::unique;

/// Returns a script that creates inotify instances until there are no more, prints their number, and keeps them.
fn take_watchers() -> String {
    let make = syscall_number("inotify_init1").unwrap();
    format!("my $n = 0; $n++ while syscall({make}, 0) >= 0; print \"$n\\n\";")
}

/// Returns a script that queues `most` signals to itself, or as many as it can, prints their number, and keeps them.
fn queue_signals(most: u32) -> String {
    let send = syscall_number("rt_sigqueueinfo").unwrap();
    format!(
        "use POSIX; my $all = POSIX::SigSet->new; $all->fillset; sigprocmask(SIG_BLOCK, $all); my $n = 0;
         my $info = pack('lllx116', 40, 0, -1); $n++ while $n < {most} && syscall({send}, $$ + 0, 40, $info) == 0; print \"$n\\n\";"
    )
}

/// Returns a script that sends `most` descriptors to itself, or as many as it can, without receiving them, and prints
/// their number.
fn keep_in_flight(most: u32) -> String {
    let send = syscall_number("sendmsg").unwrap();
    format!(
        "use Socket; my @all; my $n = 0; my $text = 'x'; my $iov = pack('PQ', $text, 1);
         my $control = pack('Qllllll', 32, 1, 1, 0, 0, 0, 0); my $message = pack('QQPQPQQ', 0, 0, $iov, 1, $control, 32, 0);
         OUTER: while ($n < {most}) {{ socketpair(my $to, my $from, AF_UNIX, SOCK_DGRAM, 0) or die; push @all, $to, $from;
         for (1..4) {{ last OUTER if $n >= {most} || syscall({send}, fileno($to), $message, 0x40) < 0; $n += 4 }} }}
         print \"$n\\n\""
    )
}

/// Runs a Perl program on the host and returns its output.
fn on_host(script: &str) -> String {
    let ran = Command::new("perl").args(["-e", script]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// Runs a Perl program that goes on until its container ends. Returns the command and the first output.
pub(crate) async fn in_container(container: &dyn Container, script: &str) -> (Box<dyn ContainerCommand>, String) {
    let args = vec!["-e".to_owned(), format!("$| = 1; {script}; sleep 1000")];
    let spec = ContainerCommandSpec { program: "perl".to_owned(), args, as_root: true, ..shell("") };
    let mut command = container.run(spec).await.unwrap();
    match command.next_event().await.unwrap().unwrap() {
        CommandEvent::Output { bytes, .. } => (command, String::from_utf8(bytes).unwrap().trim().to_owned()),
        other @ CommandEvent::Exited(_) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_of_files_are_a_containers_own() {
    let containers = Containers::start().await;
    let (one, other) = (containers.container().await, containers.container().await);
    let before = on_host(&take_watchers());
    let (_taken, most) = in_container(&*one, &take_watchers()).await;
    assert_eq!(most, "128");
    assert_eq!(in_container(&*other, &take_watchers()).await.1, most);
    assert_eq!(on_host(&take_watchers()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_makes_way_for_workers_and_one_that_runs_for_long_for_other_containers() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let marker = unique();
    // The command ends, and the process that it leaves behind runs on. The shell waits until `perl` has replaced its
    // forked copy.
    let perl = format!("open(my $up, \">\", \"up\"); print $up \"up\\n\"; close $up; sleep 1000 # {marker}");
    let left = format!("mkfifo up; perl -e '{perl}' >/dev/null 2>&1 & read line < up");
    run(&*container, shell(&left)).await;
    let [pid] = processes_with(&marker)[..] else { panic!("one process") };
    has_share(pid, ["256", "25"]).await;
    let (_running, _) = in_container(&*container, "print 'up'").await;
    has_share(pid, ["128", "12"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_signals_are_a_containers_own() {
    let containers = Containers::start().await;
    let (one, other) = (containers.container().await, containers.container().await);
    // One user of a container has 512. Many users together have the server's limit, which is one number for the whole
    // container.
    let many = format!(
        "pipe(my $said, my $say); for my $id (2000..2239) {{ if (!fork) {{ $) = $( = $id; $< = $> = $id; select($say); $| = 1; {}
         sleep 1000 }} }} my $all = 0; $all += <$said> for 2000..2239; print \"$all\\n\"",
        queue_signals(1000)
    );
    let (_queued, all) = in_container(&*one, &many).await;
    assert!(all.parse::<u32>().unwrap() > 50_000, "{all}");
    assert_eq!(in_container(&*other, &queue_signals(1000)).await.1, "512");
    assert_eq!(on_host(&queue_signals(1000)), "1000");
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptors_in_flight_are_a_containers_own() {
    let containers = Containers::start().await;
    let (one, other) = (containers.container().await, containers.container().await);
    let all = in_container(&*one, &keep_in_flight(6000)).await;
    let sent: u32 = all.1.parse().unwrap();
    assert!((4000..6000).contains(&sent), "as many as open files, not {sent}");
    assert_eq!(in_container(&*other, &keep_in_flight(100)).await.1, "100");
    // The server passes descriptors around as well, to make and to freeze containers.
    let third = containers.container().await;
    third.snapshot().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_pipes_are_a_containers_own() {
    let containers = Containers::start().await;
    let (one, other) = (containers.container().await, containers.container().await);
    // F_GETPIPE_SZ of the last pipe. A user with many pipes gets small ones.
    let pipes = |number: u32| {
        format!(
            "my @all; for (1..{number}) {{ pipe(my $from, my $to) or die; push @all, $from, $to }}
             print fcntl($all[-1], 1032, 0), \"\\n\""
        )
    };
    assert_eq!(in_container(&*one, &pipes(1500)).await.1, "8192");
    assert_eq!(in_container(&*other, &pipes(1)).await.1, "65536");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_containers_have_an_id_of_the_host_in_common() {
    let containers = Containers::start().await;
    let mut firsts = Vec::new();
    let (mut alive, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let container = containers.container().await;
        let marker = unique();
        let script = format!("mkdir('/tmp/{marker}') or die; print \"up\\n\"");
        kept.push(in_container(&*container, &script).await);
        let [pid] = processes_with(&marker)[..] else { panic!("one process") };
        let [map, of_groups] = ["uid_map", "gid_map"].map(|name| {
            let map = std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
            map.split_whitespace().map(|number| number.parse::<u32>().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!((map[0], map[2], &of_groups), (0, 0x1_0000, &map));
        let made = std::fs::metadata(format!("/proc/{pid}/root/tmp/{marker}")).unwrap();
        assert_eq!((made.uid(), made.gid()), (map[1], map[1]));
        assert_eq!(creator_of(pid), map[1].to_string());
        firsts.push(map[1]);
        alive.push(container);
    }
    firsts.sort_unstable();
    assert!(firsts.is_sorted_by(|one, next| one + 0x1_0000 <= *next), "{firsts:x?}");
    assert!(firsts[0] >= 0x8000_0000, "behind those of files: {firsts:x?}");
    containers.engine.shutdown().await;
}

/// The owners of files in `/sys` cannot be mapped, so a container that includes them has no ids of its own.
#[tokio::test(flavor = "multi_thread")]
async fn containers_share_no_ids_unless_the_operator_permits_it() {
    skip_unless_root("containers need root");
    let (directory, system) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink("/sys/kernel", system.path().join("usr")).unwrap();
    let options = ContainerOptions { system: system.path().to_owned(), ..options(directory.path()) };
    let error = ContainerEngine::start(options.clone()).await.unwrap_err();
    assert_eq!(error.kind, SandboxErrorKind::Unavailable);
    for part in ["containers need ids of their own", "cannot map owners", &format!("{}/usr", system.path().display())] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    let engine = ContainerEngine::start(ContainerOptions { allow_shared_ids: true, ..options }).await.unwrap();
    assert!(!engine.has_own_user_ids());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_permitted_is_not_done_where_it_is_not_needed() {
    skip_unless_root("containers need root");
    let directory = tempfile::tempdir().unwrap();
    let options = ContainerOptions { allow_shared_ids: true, ..options(directory.path()) };
    let engine = ContainerEngine::start(options).await.unwrap();
    assert!(engine.has_own_user_ids());
    engine.shutdown().await;
}

/// A Perl program that connects to itself many times and writes without reading, until the kernel takes no more bytes.
const FILL_SOCKETS: &str = "use Socket; use Fcntl; socket(my $server, AF_INET, SOCK_STREAM, 0) or die;
    bind($server, sockaddr_in(7000, INADDR_LOOPBACK)) or die; listen($server, 128) or die; my @all; my $total = 0;
    my $block = 'x' x 1048576; for (1..300) { socket(my $to, AF_INET, SOCK_STREAM, 0) or die;
    connect($to, sockaddr_in(7000, INADDR_LOOPBACK)) or die; accept(my $from, $server) or die; push @all, $to, $from;
    fcntl($to, F_SETFL, O_NONBLOCK) or die; while (my $n = syswrite($to, $block)) { $total += $n } } print \"$total\\n\"";

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_a_container_hold_a_part_of_its_memory_and_those_of_others_work() {
    let containers = Containers::start().await;
    let (one, other) = (containers.container().await, containers.container().await);
    let held: u64 = in_container(&*one, FILL_SOCKETS).await.1.parse().unwrap();
    // At most the container's memory. Without a limit, this many connections take twice that.
    assert!((8 << 20..512 << 20).contains(&held), "{held}");
    let exchange = "use Socket; socket(my $server, AF_INET, SOCK_STREAM, 0) or die;
        bind($server, sockaddr_in(7000, INADDR_LOOPBACK)) or die; listen($server, 1) or die;
        socket(my $to, AF_INET, SOCK_STREAM, 0) or die; connect($to, sockaddr_in(7000, INADDR_LOOPBACK)) or die;
        accept(my $from, $server) or die; syswrite($to, 'x' x 100000) == 100000 or die; my $all = 0;
        while ($all < 100000) { $all += sysread($from, my $some, 100000) or die } print \"$all\\n\"";
    assert_eq!(in_container(&*other, exchange).await.1, "100000");
}
