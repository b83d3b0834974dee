//! Tests what runs in a container, and under which user.

use workers_domain::ports::{CommandEvent, ContainerCommandSpec, ExitStatus, SandboxErrorKind};

use super::support::{Containers, finish, root_sh, run, sh, shell};

#[tokio::test(flavor = "multi_thread")]
async fn a_container_has_a_shell_tools_and_node() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    assert_eq!(
        sh(&*container, "id -un; id -gn; pwd; echo $HOME; echo $USER").await,
        "ubuntu\nubuntu\n/vercel\n/vercel\nubuntu\n"
    );
    assert_eq!(
        sh(&*container, "which node; node -p 'process.version.split(\".\")[0]'").await,
        "/usr/local/bin/node\nv24\n"
    );
    assert_eq!(
        sh(&*container, "echo b > f; echo a >> f; sort f | tr '\\n' ' '; ls; hostname").await,
        "a b f\nsandbox\n"
    );
    assert_eq!(
        root_sh(&*container, "id -un; stat -c %U /usr/bin/env /etc/passwd /; stat -c %U /vercel").await,
        "root\nroot\nroot\nroot\nubuntu\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gets_its_directory_environment_and_arguments_as_they_are() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let spec = ContainerCommandSpec {
        program: "sh".to_owned(),
        args: ["-c", "pwd; echo \"$A|$1\"", "sh", "a b; $HOME"].map(str::to_owned).to_vec(),
        env: vec![("A".to_owned(), "x y".to_owned())],
        directory: Some("/tmp".to_owned()),
        as_root: false,
    };
    assert_eq!(run(&*container, spec).await.stdout, "/tmp\nx y|a b; $HOME\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_as_root_has_the_environment_that_sudo_gives() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let script = "echo $USER $HOME $SUDO_USER $SUDO_UID $SUDO_GID; echo $PATH";
    let expected =
        "root /root ubuntu 1000 1000\n/vercel/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";
    assert_eq!(root_sh(&*container, script).await, expected);
    assert_eq!(sh(&*container, &format!("sudo sh -c '{script}'")).await, expected);
    assert_eq!(sh(&*container, "echo \"$SUDO_USER\"").await, "\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_and_a_missing_directory_are_distinguished() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let missing = ContainerCommandSpec { program: "no-such-program".to_owned(), ..ContainerCommandSpec::default() };
    assert_eq!(container.run(missing).await.err().unwrap().kind, SandboxErrorKind::CommandNotFound);
    let nowhere = ContainerCommandSpec { directory: Some("/no/where".to_owned()), ..shell("true") };
    assert_eq!(container.run(nowhere).await.err().unwrap().kind, SandboxErrorKind::FileNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ordinary_user_may_become_root_and_other_users_may_not() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    assert_eq!(sh(&*container, "sudo id -un").await, "root\n");
    assert_eq!(
        sh(&*container, "sudo useradd -m alice && sudo -u alice -- sh -c 'id -un; cd; pwd'").await,
        "alice\n/home/alice\n"
    );
    let refused = run(&*container, shell("sudo -u alice -- sudo -n id")).await;
    assert_ne!(refused.status, ExitStatus::Code(0), "{refused:?}");
    sh(&*container, "sudo groupadd team && sudo usermod -aG team ubuntu && sudo usermod -aG team alice").await;
    assert!(sh(&*container, "id -Gn").await.contains("team"), "groups are looked up for every command");
    let kept =
        run(&*container, shell("sudo -u alice -- sh -c 'echo secret > ~/f; chmod 600 ~/f'; cat /home/alice/f")).await;
    assert!(kept.stderr.contains("ermission denied"), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_system_can_be_changed_everywhere() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    root_sh(&*container, "echo hi > /usr/bin/new && chmod 755 /usr/bin/new && rm /etc/hosts && mkdir -p /opt/a/b && mv /usr/bin/new /opt/a").await;
    assert_eq!(sh(&*container, "cat /opt/a/new; ls /etc/hosts 2>/dev/null || echo gone").await, "hi\ngone\n");
    let other = containers.container().await;
    assert_eq!(sh(&*other, "ls /etc/hosts /opt").await, "/etc/hosts\n\n/opt:\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_leaves_behind_goes_on() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "mkfifo p; (read line < p; echo $line > heard; mv heard done) >/dev/null 2>&1 &").await;
    sh(&*container, "echo hello > p; while ! [ -e done ]; do :; done").await;
    assert_eq!(sh(&*container, "cat done").await, "hello\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_leaves_behind_may_go_on_printing() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "mkfifo p; (read line < p; echo late && echo printed > done) &").await;
    sh(&*container, "echo go > p; while ! [ -e done ]; do :; done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_reaches_the_whole_group_of_a_command() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    for (script, signal, status) in [
        ("echo ready; sleep 1000 | cat", 15, ExitStatus::Signal(15)),
        ("echo ready; sleep 1000 | cat", 9, ExitStatus::Signal(9)),
        ("trap 'exit 42' TERM; echo ready; while :; do :; done", 15, ExitStatus::Code(42)),
    ] {
        let mut command = container.run(shell(script)).await.unwrap();
        assert!(matches!(command.next_event().await.unwrap(), Some(CommandEvent::Output { .. })));
        container.signal(command.number(), signal).await.unwrap();
        assert_eq!(finish(command).await.unwrap().status, status, "{script}");
    }
    assert_eq!(sh(&*container, "cat /proc/[0-9]*/comm 2>/dev/null | grep -c sleep || true").await, "0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_outlives_a_command_that_takes_too_much_memory() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let greedy = run(&*container, shell("node -e 'const a = []; for (;;) a.push(Buffer.alloc(1 << 24, 1))'")).await;
    assert_ne!(greedy.status, ExitStatus::Code(0));
    assert_eq!(sh(&*container, "echo still here").await, "still here\n");
}
