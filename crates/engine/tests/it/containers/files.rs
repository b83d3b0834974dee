//! Reads and writes files of a container from outside.

use workers_domain::ports::SandboxErrorKind;

use super::support::{Containers, archive, read, root_sh, sh};

#[tokio::test(flavor = "multi_thread")]
async fn files_are_written_as_the_ordinary_user_and_read_back() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let large = vec![7; 300_000];
    let mut files = archive(&[
        ("vercel/a/b.txt", b"text", 0o644),
        ("tmp/run.sh", b"#!/bin/sh\necho ran-$1\n", 0o755),
        ("vercel/large", &large, 0o600),
    ]);
    container.write_archive("/", &mut files).await.unwrap();
    assert_eq!(
        sh(&*container, "stat -c '%U %a' a/b.txt a large; /tmp/run.sh it").await,
        "ubuntu 644\nubuntu 755\nubuntu 600\nran-it\n"
    );
    assert_eq!(read(&*container, "/vercel/large").await.unwrap(), large);
    assert_eq!(read(&*container, "/vercel/a/b.txt").await.unwrap(), b"text");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_is_read_and_a_missing_one_is_not_found() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "touch empty").await;
    assert_eq!(read(&*container, "/vercel/empty").await.unwrap(), b"");
    assert_eq!(read(&*container, "/vercel/none").await.unwrap_err().kind, SandboxErrorKind::FileNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_or_not_the_users_is_refused_with_a_sentence() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "mkfifo pipe").await;
    root_sh(&*container, "echo x > /vercel/roots; chmod 600 /vercel/roots").await;
    for (path, says) in [
        ("/vercel", "not an ordinary file"),
        ("/vercel/pipe", "not an ordinary file"),
        ("/vercel/roots", "ermission denied"),
    ] {
        let error = read(&*container, path).await.unwrap_err();
        assert_eq!(error.kind, SandboxErrorKind::FileRefused, "{path}");
        assert!(error.message.contains(path) && error.message.contains(says), "{}", error.message);
    }
    let denied = container.write_archive("/", &mut archive(&[("etc/passwd", b"", 0o644)])).await.unwrap_err();
    assert_eq!(denied.kind, SandboxErrorKind::FileRefused);
    for said in ["`/etc/passwd` cannot be written: permission denied", "Write the file below /vercel", "sudo"] {
        assert!(denied.message.contains(said), "{}", denied.message);
    }
    let torn = container.write_archive("/", &mut super::support::Pieces(vec![b"no gzip".to_vec()].into_iter())).await;
    assert_eq!(torn.unwrap_err().kind, SandboxErrorKind::FileRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_made_once_or_with_all_on_the_way() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    container.make_directory("/vercel/one", false).await.unwrap();
    for path in ["/vercel/one", "/vercel/two/three"] {
        let error = container.make_directory(path, false).await.unwrap_err();
        assert_eq!(error.kind, SandboxErrorKind::FileRefused, "{path}");
        assert!(!error.message.contains("os error"), "{}", error.message);
    }
    container.make_directory("/vercel/one", true).await.unwrap();
    container.make_directory("/vercel/two/three", true).await.unwrap();
    assert_eq!(sh(&*container, "ls -d two/three; stat -c %U two").await, "two/three\nubuntu\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_container_says_so_and_goes_on() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    sh(&*container, "head -c 300M /dev/zero > fill 2>/dev/null || true").await;
    let error =
        container.write_archive("/", &mut archive(&[("vercel/more", &vec![1; 100_000], 0o644)])).await.unwrap_err();
    assert!(error.message.contains("No space left"), "{}", error.message);
    assert_eq!(sh(&*container, "rm fill; echo ok > f; cat f").await, "ok\n");
}
