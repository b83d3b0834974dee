//! Tests snapshots of containers.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

use workers_domain::SnapshotId;
use workers_domain::ports::{ContainerProvider, SandboxErrorKind, SandboxSource};
use workers_engine::ContainerEngine;
use workers_testing::skip_unless_root;

use super::support::{Containers, finish, options, root_sh, sh, shell, spec};

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_keeps_the_whole_system_and_no_process() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    root_sh(&*container, "useradd -m bob; echo x > /usr/local/lib/x; rm /etc/hostname; rm -r /usr/share/doc; mkdir /usr/share/doc; echo t > /tmp/t; chmod 4755 /tmp/t").await;
    sh(&*container, "sudo -u bob sh -c 'echo mine > /home/bob/f'; ln -s f link; echo f > f; ln f second; sleep 1000 >/dev/null 2>&1 &").await;
    let snapshot = container.snapshot().await.unwrap();
    assert!(snapshot.size_bytes > 0);
    let again = containers.container_from(&snapshot.id).await;
    let script =
        "cat /home/bob/f /usr/local/lib/x link; ls /etc/hostname 2>/dev/null || echo gone; ls -A /usr/share/doc;
        stat -c '%a %U' /tmp/t; stat -c '%U %h' /home/bob/f /vercel/second; pgrep sleep || echo no process";
    let expected = "mine\nx\nf\ngone\n4755 root\nbob 1\nubuntu 2\nno process\n";
    assert_eq!(root_sh(&*again, &script.replace("cat ", "cd /vercel; cat ")).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_a_container_from_a_snapshot_has_both_changes_and_stands_alone() {
    let containers = Containers::start().await;
    let first = containers.container().await;
    sh(&*first, "mkdir d; echo one > d/one; echo gone > gone; echo old > changed").await;
    let first = first.snapshot().await.unwrap();
    let second = containers.container_from(&first.id).await;
    sh(&*second, "echo two > d/two; rm gone; echo new > changed").await;
    let second = second.snapshot().await.unwrap();
    containers.engine.delete_snapshot(&first.id).await.unwrap();
    let third = containers.container_from(&second.id).await;
    assert_eq!(sh(&*third, "cat d/one d/two changed; ls").await, "one\ntwo\nnew\nchanged\nd\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_from_one_snapshot_do_not_see_each_other_and_outlive_it() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "echo same > f").await;
    let snapshot = container.snapshot().await.unwrap();
    let (one, two) = (containers.container_from(&snapshot.id).await, containers.container_from(&snapshot.id).await);
    containers.engine.delete_snapshot(&snapshot.id).await.unwrap();
    assert_eq!(sh(&*one, "echo mine >> f; cat f").await, "same\nmine\n");
    assert_eq!(sh(&*two, "cat f").await, "same\n");
    let error = containers.engine.create(spec(SandboxSource::Snapshot(snapshot.id))).await.err().unwrap();
    assert_eq!(error.kind, SandboxErrorKind::SnapshotNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_found_after_a_restart_and_an_unknown_one_is_not() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "echo kept > f").await;
    let snapshot = container.snapshot().await.unwrap();
    containers.engine.shutdown().await;
    let Containers { engine, directory } = containers;
    drop((container, engine));
    let engine = ContainerEngine::start(options(directory.path())).await.unwrap();
    assert_eq!(engine.snapshots().await.unwrap(), std::slice::from_ref(&snapshot.id));
    let container = engine.create(spec(SandboxSource::Snapshot(snapshot.id.clone()))).await.unwrap();
    assert_eq!(sh(&*container, "cat f").await, "kept\n");
    assert_eq!(engine.find_snapshot(&SnapshotId::new("snap_none")).await.unwrap(), None);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_was_frozen_or_stopped_says_so() {
    let containers = Containers::start().await;
    let (frozen, stopped) = (containers.container().await, containers.container().await);
    let running = stopped.run(shell("sleep 1000")).await.unwrap();
    frozen.snapshot().await.unwrap();
    stopped.stop().await.unwrap();
    stopped.stop().await.unwrap();
    for container in [&frozen, &stopped] {
        container.ended().await;
        assert_eq!(container.run(shell("true")).await.err().unwrap().kind, SandboxErrorKind::Stopped);
        assert_eq!(container.snapshot().await.unwrap_err().kind, SandboxErrorKind::Stopped);
    }
    assert_eq!(finish(running).await.unwrap_err().kind, SandboxErrorKind::Stopped);
}

/// The first user id of containers' files on disk. It is the same for all containers, whatever ids a running container
/// has.
const ON_DISK: u32 = 0x7200_0000;

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_an_earlier_version_serves_and_its_owners_are_kept() {
    skip_unless_root("containers need root");
    let directory = tempfile::tempdir().unwrap();
    let name = "snap_0198c0de-0000-7000-8000-000000000000";
    let image = directory.path().join("snapshots").join(name);
    for (path, owner) in [("root", 0), ("root/vercel", 1000), ("root/opt", 33), ("usr", 0), ("usr/local", 0)] {
        std::fs::create_dir_all(image.join(path)).unwrap();
        chown(image.join(path), Some(ON_DISK + owner), Some(ON_DISK + owner)).unwrap();
    }
    for (path, owner, mode) in
        [("root/vercel/file", 1000, 0o640), ("root/opt/last", 65_535, 0o600), ("usr/local/tool", 0, 0o4755)]
    {
        std::fs::write(image.join(path), "text\n").unwrap();
        chown(image.join(path), Some(ON_DISK + owner), Some(ON_DISK + owner)).unwrap();
        std::fs::set_permissions(image.join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    std::fs::write(image.join("image.json"), r#"{"size_bytes":15}"#).unwrap();
    let engine = ContainerEngine::start(options(directory.path())).await.unwrap();
    let first = engine.create(spec(SandboxSource::Empty)).await.unwrap();
    let second = engine.create(spec(SandboxSource::Snapshot(SnapshotId::new(name)))).await.unwrap();
    let script = "cat file; echo more >> file; stat -c '%u:%g %a' . file /opt /opt/last /usr/local/tool /usr/bin/env /";
    let expected = "1000:1000 755\n1000:1000 640\n33:33 755\n65535:65535 600\n0:0 4755\n0:0 755\n0:0 755\n";
    assert_eq!(sh(&*second, script).await, format!("text\n{expected}"));
    root_sh(
        &*second,
        "echo x > /opt/new; chown 33:1000 /opt/new; ln -s new /opt/link; chown -h 7:8 /opt/link; chown 5:6 /",
    )
    .await;
    let changed = second.snapshot().await.unwrap();
    let on_disk = |path: &str| {
        let found = std::fs::symlink_metadata(directory.path().join("snapshots").join(changed.id.as_str()).join(path));
        found.map(|found| (found.uid() - ON_DISK, found.gid() - ON_DISK)).unwrap()
    };
    let expected =
        [("root/vercel/file", (1000, 1000)), ("root/opt/new", (33, 1000)), ("root/opt/link", (7, 8)), ("root", (5, 6))];
    for (path, owners) in expected.into_iter().chain([("root/opt/last", (65_535, 65_535)), ("usr/local/tool", (0, 0))])
    {
        assert_eq!(on_disk(path), owners, "{path}");
    }
    // This container has other ids than the one that the snapshot was taken of.
    let third = engine.create(spec(SandboxSource::Empty)).await.unwrap();
    let fourth = engine.create(spec(SandboxSource::Snapshot(changed.id))).await.unwrap();
    let script = "cat file; stat -c '%u:%g' file /opt/new /opt/link /opt/last";
    assert_eq!(sh(&*fourth, script).await, "text\nmore\n1000:1000\n33:1000\n7:8\n65535:65535\n");
    drop((first, third));
    engine.shutdown().await;
}
