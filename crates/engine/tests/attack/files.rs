//! Files that other processes read, freeze or remove than the one that made them, and files that all sandboxes share.
//! The defence: the server opens nothing that could block, and shared files reveal nothing.

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use workers_domain::ports::{ContainerCommandSpec, SandboxFile, SandboxPath};

use super::programs::programs;
use super::support::{Attack, END, in_time, test_on, withstand};
use super::target::{ContainerTarget, Forked, Target as _, upload};
use crate::containers::support::{read, run, shell};

/// Attacks that leave behind special files and directories that change.
const TREES: [&str; 4] = ["odd-files .", "swapped-file .", "renamed-directories .", "endless-tree . 1"];

#[test]
fn a_workers_files_do_not_delay_freezing_or_removing_them() {
    withstand::<Forked>(&TREES.map(Attack::new));
    test_on(|target: Arc<Forked>| async move {
        for words in TREES {
            let attack = Attack::new(words);
            let sandbox = target.sandbox(attack.limits, attack.network).await;
            let path = SandboxPath::parse("attacker").unwrap();
            sandbox.write_files(vec![SandboxFile { path, contents: programs().attacker.clone() }]).await.unwrap();
            let script = format!(
                "const fs = require('fs'); fs.copyFileSync('attacker', '/tmp/a'); fs.chmodSync('/tmp/a', 0o755);
                 process.execve('/tmp/a', {:?}.split(' '), process.env)",
                format!("a {}", attack.arguments("marker"))
            );
            let mut command = target.run(&*sandbox, &script).await;
            in_time(words, END, command.next_event()).await.unwrap();
            // The sandbox may be frozen or refused, but this must end.
            let _ = in_time(words, END, sandbox.snapshot(None)).await;
            in_time(words, END, target.serve()).await;
        }
    });
}

#[test]
fn a_containers_files_do_not_delay_its_freezing() {
    test_on(|target: Arc<ContainerTarget>| async move {
        for words in TREES {
            let container = target.container().await;
            upload(&*container).await;
            let args = Attack::new(words).arguments("marker").split(' ').map(str::to_owned).collect();
            let spec = ContainerCommandSpec {
                program: "/tmp/attacker".to_owned(),
                args,
                as_root: true,
                ..ContainerCommandSpec::default()
            };
            let mut command = container.run(spec).await.unwrap();
            in_time(words, END, command.next_event()).await.unwrap();
            let _ = in_time(words, END, container.snapshot()).await;
            in_time(words, END, target.serve()).await;
        }
    });
}

#[test]
fn a_file_of_a_container_that_is_no_file_or_another_one_by_now_does_not_delay_its_reader() {
    test_on(|target: Arc<ContainerTarget>| async move {
        let container = target.container().await;
        upload(&*container).await;
        for words in ["odd-files .", "swapped-file .", "renamed-directories ."] {
            let args = Attack::new(words).arguments("marker").split(' ').map(str::to_owned).collect();
            let spec =
                ContainerCommandSpec { program: "/tmp/attacker".to_owned(), args, ..ContainerCommandSpec::default() };
            let mut command = container.run(spec).await.unwrap();
            in_time(words, END, command.next_event()).await.unwrap();
            tokio::spawn(async move { while let Ok(Some(_)) = command.next_event().await {} });
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            for path in
                ["pipe", "socket", "link", "loop", "input", "closed", "file", "one/deeper/file", "two/deeper/file"]
            {
                let read = in_time(path, END, read(&*container, &format!("/vercel/{path}"))).await;
                // The link in place of an exchanged name leads to the container's own file, never to the host's.
                assert!(read.is_err() || path.contains("file"), "{path}");
            }
        }
        for path in
            ["/proc/kmsg", "/proc/self/mem", "/proc/sysrq-trigger", "/proc/1/mem", "/dev/stdin", "/proc/self/fd/0"]
        {
            assert!(in_time(path, END, read(&*container, path)).await.is_err(), "{path}");
        }
        in_time("stopping", END, container.stop()).await.unwrap();
    });
}

#[test]
fn a_lease_of_a_file_delays_only_its_reader() {
    test_on(|target: Arc<ContainerTarget>| async move {
        let container = target.container().await;
        upload(&*container).await;
        let args = Attack::new("lease file").arguments("marker").split(' ').map(str::to_owned).collect();
        let spec =
            ContainerCommandSpec { program: "/tmp/attacker".to_owned(), args, ..ContainerCommandSpec::default() };
        let mut command = container.run(spec).await.unwrap();
        in_time("the lease", END, command.next_event()).await.unwrap();
        // The file may be read or refused, but at once.
        let _ = in_time("reading a leased file", END, read(&*container, "/vercel/file")).await;
        let other = in_time("a command beside it", END, run(&*container, shell("echo beside"))).await;
        assert_eq!(other.stdout, "beside\n");
        in_time("stopping", END, container.stop()).await.unwrap();
    });
}

/// Returns a file of the system of which only the first page is in memory, and the offset of a page that is not.
fn half_cached() -> (String, u64) {
    const PAGE: u64 = 1 << 20;
    let names =
        std::fs::read_dir("/usr/bin").unwrap().filter_map(|entry| entry.ok()?.path().to_str().map(str::to_owned));
    let large = names
        .filter(|name| std::fs::symlink_metadata(name).is_ok_and(|found| found.is_file() && found.len() > 2 * PAGE));
    let path = large.min().expect("some program is larger than 2 MiB");
    let file = std::fs::File::open(&path).unwrap();
    rustix::fs::fadvise(file.as_fd(), 0, None, rustix::fs::Advice::DontNeed).unwrap();
    (&file).take(1).read_to_end(&mut Vec::new()).unwrap();
    (path, PAGE)
}

#[test]
fn a_container_cannot_tell_which_pages_of_the_systems_files_others_have_used() {
    test_on(|target: Arc<ContainerTarget>| async move {
        let (path, page) = half_cached();
        for as_root in [false, true] {
            let probe = |offset: u64| Attack { as_root, ..Attack::new(&format!("probe-cache {path} {offset}")) };
            let ask = async |offset| {
                let started = target.begin(&probe(offset), "prober").await;
                started.said.wait_for(&["done", "ended"]).await;
                let lines = started.said.lines();
                started.stop.await;
                lines.into_iter().filter(|line| line.contains("memory")).collect::<Vec<_>>()
            };
            // The first page is in memory, and the other one is not. The attack must get the same result for both.
            assert_eq!(ask(0).await, ask(page).await, "{path}, root: {as_root}");
        }
    });
}
