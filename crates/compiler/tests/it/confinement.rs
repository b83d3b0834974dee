//! What a compiler process has given up.

use std::fs;

use crate::support::{TestCompiler, processes};

#[tokio::test]
async fn a_process_has_no_rights_descriptors_or_environment() {
    let test = TestCompiler::start(|_| {}).await;
    let id = processes()[0];
    let read = |name: &str| fs::read_to_string(format!("/proc/{id}/{name}")).unwrap();
    let status = read("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name}")).trim().to_owned()
    };
    assert_eq!(field("NoNewPrivs"), "1");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(set).trim_start_matches('0'), "", "{set}");
    }
    let limits = read("limits");
    for (limit, value) in [("Max open files", "0"), ("Max core file size", "0"), ("Max file size", "0")] {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit)).unwrap();
        assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), [value, value], "{limit}");
    }
    let session: Vec<_> = read("stat").rsplit_once(')').unwrap().1.split_whitespace().map(str::to_owned).collect();
    assert_eq!(session[3], id.to_string());
    if !rustix::process::geteuid().is_root() {
        // Without root, a process that is not dumpable cannot be inspected from outside.
        return;
    }
    assert_eq!(field("CapBnd").trim_start_matches('0'), "");
    assert!(field("Uid").split_whitespace().all(|user| user != "0"), "{}", field("Uid"));
    assert!(field("Groups").is_empty());
    assert!(read("environ").is_empty());
    let mut open: Vec<_> = fs::read_dir(format!("/proc/{id}/fd")).unwrap().map(|entry| entry.unwrap().path()).collect();
    open.sort();
    let targets: Vec<_> = open.iter().map(|path| fs::read_link(path).unwrap().display().to_string()).collect();
    assert_eq!(targets.len(), 4, "{targets:?}");
    // Only the server reads the third one, after the process has died.
    assert!(targets[..3].iter().all(|target| target.starts_with("pipe:")), "{targets:?}");
    assert!(targets[3].ends_with("/statm"), "{targets:?}");
    drop(test);
}
