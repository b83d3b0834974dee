//! Tests what root inside a container must not be able to do.

use workers_domain::NetworkPolicy;
use workers_domain::ports::{CommandEvent, ContainerCommandSpec, ContainerProvider as _, ExitStatus, SandboxSource};
use workers_engine::ContainerEngine;
use workers_testing::skip_unless_root;

use super::counted::in_container;
use super::support::{Containers, root_sh, run, shell, spec};

/// A container must not notice what another one does with a file that all of them have.
#[tokio::test(flavor = "multi_thread")]
async fn a_containers_locks_and_watchers_are_on_files_of_its_own() {
    let containers = Containers::start().await;
    let (one, other) = (containers.container().await, containers.container().await);
    let files = "('/dev/null', '/dev/urandom', '/usr/local/bin/node', '/usr/bin/perl', '/etc/hosts')";
    let number = |name| workers_engine_sys::syscall_number(name).unwrap();
    let (make, add) = (number("inotify_init1"), number("inotify_add_watch"));
    // The numbers below are IN_NONBLOCK, and IN_ACCESS, IN_OPEN and IN_CLOSE.
    let watch = format!(
        "use Fcntl ':flock'; my $w = syscall({make}, 0x800); open(my $in, '<&=', $w) or die; my @kept; for {files} {{
         open(my $file, '<', $_) or die $_; flock($file, LOCK_EX | LOCK_NB) or die \"locked: $_\"; push @kept, $file;
         syscall({add}, $w, \"$_\", 0x39) >= 0 or die $_ }} system('mkfifo', '/tmp/go'); sysread($in, my $own, 65536);
         print \"ready\n\"; open(my $go, '<', '/tmp/go'); print sysread($in, my $news, 4096) ? \"news\" : \"no news\""
    );
    let (mut watching, ready) = in_container(&*one, &watch).await;
    assert_eq!(ready, "ready");
    let touch = format!(
        "use Fcntl ':flock'; for {files} {{ open(my $file, '<', $_) or die $_; sysread($file, my $byte, 1);
         flock($file, LOCK_EX | LOCK_NB) or print \"locked: $_\n\" }} print \"done\n\""
    );
    assert_eq!(in_container(&*other, &touch).await.1, "done");
    root_sh(&*one, "echo > /tmp/go").await;
    let news = watching.next_event().await.unwrap();
    assert!(matches!(&news, Some(CommandEvent::Output { bytes, .. }) if bytes == b"no news"), "{news:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_of_a_container_has_no_rights_outside_of_it() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    for script in [
        "mount -t tmpfs none /mnt",
        "unshare -m true",
        "chroot /tmp true",
        "mknod /tmp/null c 1 3 && echo x > /tmp/null",
        "echo 1 > /proc/sys/kernel/panic",
        "echo b > /proc/sysrq-trigger && cat /proc/sysrq-trigger | grep .",
        "hostname other",
        "cat /proc/1/environ",
        "ls -l /proc/1/root/",
        "cat /proc/kcore | head -c 1 | grep -q .",
        "date -s 2000-01-01",
        "dmesg",
        "head -c 0 /dev/ptmx || mount -t devpts none /mnt",
        "kill -9 1 && false",
        "ip link add dummy0 type dummy || nice -n -20 true | grep x",
    ] {
        let ran = run(&*container, ContainerCommandSpec { as_root: true, ..shell(script) }).await;
        assert_ne!(ran.status, ExitStatus::Code(0), "{script}: {ran:?}");
    }
    assert_eq!(root_sh(&*container, "echo alive").await, "alive\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_has_nothing_of_the_host_but_its_programs() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let host = std::fs::read_to_string("/etc/shadow").unwrap_or_default();
    assert_ne!(root_sh(&*container, "cat /etc/shadow").await, host);
    assert_eq!(root_sh(&*container, "ls /home /root /mnt /srv /sys | wc -w").await, "5\n", "the five names themselves");
    let local = "ls /usr/local; ls /usr/local/bin";
    assert_eq!(
        root_sh(&*container, local).await,
        "bin\netc\ninclude\nlib\nsbin\nshare\nnode\n",
        "not the administrator's programs"
    );
    let marker = crate::support::unique();
    let secret = containers.directory.path().join(&marker);
    std::fs::write(&secret, "secret").unwrap();
    let ran =
        run(&*container, ContainerCommandSpec { as_root: true, ..shell(&format!("cat {}", secret.display())) }).await;
    assert_ne!(ran.status, ExitStatus::Code(0));
    let processes = root_sh(&*container, "ls /proc | grep -c '^[0-9]'").await;
    assert!(processes.trim().parse::<u32>().unwrap() < 8, "none but the container's own: {processes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn capabilities_are_those_of_a_container_and_no_program_gains_more() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    // Chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, audit_write, setfcap.
    let expected = "00000000a00005fb";
    assert_eq!(
        root_sh(&*container, "grep -E 'Cap(Prm|Bnd)' /proc/self/status | cut -f2 | sort -u").await,
        format!("{expected}\n")
    );
    let script = "grep -E 'Cap(Prm|Eff|Inh|Amb)' /proc/self/status | cut -f2 | sort -u";
    assert_eq!(super::support::sh(&*container, script).await, "0000000000000000\n");
    assert_eq!(
        super::support::sh(&*container, &format!("sudo sh -c \"{}\"", script.replace("Inh|Amb", "Bnd"))).await,
        format!("{expected}\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_container_may_talk_to_can_be_changed_while_it_runs() {
    skip_unless_root("containers need root");
    let directory = tempfile::tempdir().unwrap();
    let resolver = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut options = super::support::options(directory.path());
    options.network.resolvers = vec![resolver.local_addr().unwrap()];
    let engine = ContainerEngine::start(options).await.unwrap();
    let container = engine.create(spec(SandboxSource::Empty)).await.unwrap();
    let denied = run(&*container, shell("getent hosts name.example.com")).await;
    assert_eq!(denied.status, ExitStatus::Code(2), "{denied:?}");
    container.set_network(NetworkPolicy::AllowAll);
    let lookup = container.run(shell("getent hosts name.example.com")).await.unwrap();
    let mut query = [0; 512];
    // Only lookups that the policy permits go to the host's resolvers.
    let (length, _) = resolver.recv_from(&mut query).await.unwrap();
    assert!(query[..length].windows(7).any(|part| part == b"example"));
    container.stop().await.unwrap();
    drop(lookup);
    engine.shutdown().await;
}
