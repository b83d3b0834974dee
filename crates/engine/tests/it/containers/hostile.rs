//! Hostile code must not harm other containers, or later users of the same snapshot.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use workers_domain::ports::{ContainerCommandSpec, ExitStatus, SandboxErrorKind};

use super::support::{Containers, finish, read, root_sh, run, sh, shell};

/// Longer than anything takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_snapshot_decides_where_something_is_mounted() {
    let containers = Containers::start().await;
    let host = tempfile::tempdir().unwrap();
    std::fs::set_permissions(host.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::write(host.path().join("secret"), "the host's").unwrap();
    let host = host.path().display();
    for leads_out in [format!("{host}"), format!("../../../../../../..{host}"), "/proc/self/fd/6".to_owned()] {
        let container = containers.container().await;
        let script = format!(
            "cd /; rmdir /var/empty; ln -s {leads_out} /var/empty; rm -rf /usr/local/bin 2>/dev/null; mv /usr/local /usr/l;
             ln -s {leads_out} /usr/local; rmdir /vercel; ln -s {leads_out} /vercel; ln -s {leads_out} /mnt/link; true"
        );
        run(&*container, ContainerCommandSpec { as_root: true, ..shell(&script) }).await;
        let snapshot = container.snapshot().await.unwrap();
        let again = containers.container_from(&snapshot.id).await;
        let mounts = root_sh(&*again, "cut -d' ' -f4-6 /proc/self/mountinfo; ls /proc/acpi /proc/fs /vercel").await;
        let shown = mounts.lines().filter(|line| line.contains(&*host.to_string()) || line.contains("secret"));
        assert_eq!(shown.collect::<Vec<_>>(), Vec::<&str>::new(), "{leads_out}");
        let writable = mounts.lines().filter(|line| line.contains(" /proc/") && line.contains("rw,"));
        assert_eq!(writable.filter(|line| !line.contains("/null")).collect::<Vec<_>>(), Vec::<&str>::new());
        assert_eq!(sh(&*again, "pwd; stat -c %U .; echo x > file; cat file").await, "/vercel\nubuntu\nx\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_connected_with_the_rights_of_the_caller() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let server =
        "require('net').createServer((peer) => peer.end('hello')).listen(process.argv[1], () => console.log('up'))";
    let listen = format!("umask 077; mkdir -p own; node -e \"{server}\" own/socket & read line");
    let mut listening = container.run(shell(&listen.replace("& read line", ""))).await.unwrap();
    listening.next_event().await.unwrap();
    let client = "require('net').connect('/vercel/own/socket').on('data', (text) => console.log(String(text))).on('error', (error) => console.log(error.code))";
    let connect = format!("node -e \"{client}\"");
    assert_eq!(sh(&*container, &connect).await, "hello\n");
    assert_eq!(sh(&*container, &format!("cd /; sudo -u nobody {connect}")).await, "EACCES\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_stops_whatever_starts_can_be_frozen_and_hurts_no_other() {
    let containers = Containers::start().await;
    for script in [
        "while :; do kill -STOP -1 2>/dev/null; done",
        "rm /etc/group; mkfifo /etc/group; while :; do sleep 1000; done",
    ] {
        let (hostile, other) = (containers.container().await, containers.container().await);
        let as_root = script.starts_with("rm");
        let hostile_command = hostile.run(ContainerCommandSpec { as_root, ..shell(script) }).await.unwrap();
        // The command may start or not. Only the caller waits for it, not the container's init.
        let _ = tokio::time::timeout(Duration::from_millis(300), hostile.run(shell("true"))).await;
        tokio::time::timeout(PATIENCE, hostile.snapshot()).await.expect(script).unwrap();
        assert_eq!(sh(&*other, "echo fine").await, "fine\n");
        drop(finish(hostile_command).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_container_are_not_its_roots_to_change() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let limit = "cat /proc/sys/user/max_inotify_instances";
    assert_eq!(sh(&*container, limit).await, "128\n");
    let raised =
        run(&*container, ContainerCommandSpec { as_root: true, ..shell(&format!("echo 1000 > {}", &limit[4..])) })
            .await;
    assert_ne!(raised.status, ExitStatus::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernels_files_are_not_read_for_clients() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "ln -s /proc/self/exe link").await;
    for path in ["/proc/self/exe", "/proc/self/maps", "/proc/1/cmdline", "/vercel/link", "/dev/zero"] {
        assert_eq!(read(&*container, path).await.unwrap_err().kind, SandboxErrorKind::FileRefused, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_commands_leave_behind_does_not_use_up_the_servers_descriptors() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    for _ in 0..100 {
        sh(&*container, "sleep 1000 &").await;
    }
    assert!(open() < before + 100, "{} and then {}", before, open());
    container.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_runs_out_for_commands_before_their_container() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let scores = root_sh(&*container, "cat /proc/self/oom_score_adj /proc/1/oom_score_adj").await;
    let scores: Vec<i32> = scores.lines().map(|score| score.parse().unwrap()).collect();
    assert!(scores[0] >= scores[1] + 500, "{scores:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_started_any_more_once_a_container_is_frozen() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "for i in $(seq 2000); do echo $i > f$i; done").await;
    let (frozen, ran) = tokio::join!(container.snapshot(), async {
        loop {
            match container.run(shell("echo late > late")).await {
                Ok(command) => drop(finish(command).await),
                Err(error) => return error.kind,
            }
        }
    });
    assert!(matches!(ran, SandboxErrorKind::Stopped | SandboxErrorKind::Failed), "{ran:?}");
    let again = containers.container_from(&frozen.unwrap().id).await;
    assert_eq!(run(&*again, shell("ls f1 f2000")).await.status, ExitStatus::Code(0));
}
