//! Files in memory count as memory of their container, also when the server writes them.

use workers_domain::ports::{ContainerProvider as _, ContainerSpec, ExitStatus, SandboxSource};

use super::counted::in_container;
use super::support::{Containers, archive, finish, sh, shell, spec};
use crate::counted::processes_with;
use crate::support::unique;

const MIB: u64 = 1 << 20;

/// Returns the files in which the memory group of a process reports its usage and its peak.
fn memory_of(pid: u32) -> [String; 2] {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let group = |controller: &str| {
        groups
            .lines()
            .find_map(|line| Some(line.split_once(':')?.1.split_once(':')?.1).filter(|_| line.contains(controller)))
    };
    match (group(":memory:"), group("0::")) {
        (Some(path), _) => {
            ["usage_in_bytes", "max_usage_in_bytes"].map(|name| format!("/sys/fs/cgroup/memory{path}/memory.{name}"))
        }
        (None, Some(path)) => ["current", "peak"].map(|name| format!("/sys/fs/cgroup{path}/memory.{name}")),
        (None, None) => panic!("{groups}"),
    }
}

fn number(file: &str) -> u64 {
    std::fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_uploaded_or_changed_of_a_snapshot_counts() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "head -c 40M /dev/zero > below").await;
    let snapshot = container.snapshot().await.unwrap();
    let container = containers.container_from(&snapshot.id).await;
    let marker = unique();
    let _process = in_container(&*container, &format!("print \"{marker}\\n\"")).await;
    let [pid] = processes_with(&marker)[..] else { panic!("one process") };
    let [current, _] = memory_of(pid);
    let mut used = number(&current);
    let mut grown = || {
        let before = std::mem::replace(&mut used, number(&current));
        used.saturating_sub(before)
    };
    sh(&*container, "head -c 40M /dev/zero > written").await;
    assert!(grown() > 38 * MIB);
    container.write_archive("/", &mut archive(&[("vercel/uploaded", &vec![7; 40 << 20], 0o644)])).await.unwrap();
    assert!(grown() > 38 * MIB);
    // The overlay copies the whole file to the upper layer.
    sh(&*container, "chmod 600 below").await;
    assert!(grown() > 38 * MIB);
    sh(&*container, "rm written uploaded").await;
    assert_eq!(grown(), 0, "it is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_beyond_a_containers_memory_end_what_writes_them_and_nothing_else() {
    let containers = Containers::start().await;
    let spec = ContainerSpec { memory_bytes: 128 * MIB, disk_bytes: 1024 * MIB, ..spec(SandboxSource::Empty) };
    let container = containers.engine.create(spec).await.unwrap();
    let other = containers.container().await;
    let marker = unique();
    let _process = in_container(&*container, &format!("print \"{marker}\\n\"")).await;
    let [pid] = processes_with(&marker)[..] else { panic!("one process") };
    let [_, most] = memory_of(pid);
    // The kernel kills a process of the container. If there is none left to kill, the container may end.
    let ended = finish(container.run(shell("head -c 600M /dev/zero > file")).await.unwrap()).await;
    assert!(ended.as_ref().map_or(true, |ran| ran.status != ExitStatus::Code(0)), "{ended:?}");
    if std::path::Path::new(&most).exists() {
        assert!((64 * MIB..=128 * MIB).contains(&number(&most)));
    }
    assert_eq!(sh(&*other, "head -c 100M /dev/zero > file; stat -c %s file").await, "104857600\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_kernel_remembers_of_names_and_files_counts() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let marker = unique();
    let _process = in_container(&*container, &format!("print \"{marker}\\n\"")).await;
    let [pid] = processes_with(&marker)[..] else { panic!("one process") };
    let [current, _] = memory_of(pid);
    for (what, script) in [
        ("names that are not there", "stat(\"/tmp/none$_\") for 1..50000"),
        ("files", "mkdir(\"/tmp/made$_\") or die for 1..20000"),
        (
            "pipes",
            "my @all; for (1..900) { pipe(my $from, my $to) or die; syswrite($to, 'x' x 65536); push @all, $from, $to }",
        ),
    ] {
        let before = number(&current);
        let _running = in_container(&*container, &format!("{script}; print \"done\\n\"")).await;
        let grown = number(&current) - before;
        assert!(grown > 8 * MIB, "{what}: {grown}");
    }
}
