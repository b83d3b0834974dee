//! A thorough description of a sandbox between two runs, for tests: everything that init can see of it. The usual
//! comparison ([`keeper`](super::keeper)) must find each change that this one finds.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Lines of `/proc/<pid>/status` that change although nothing was changed: memory, and how often the process was
/// switched.
const RESTLESS: [&str; 6] = ["Vm", "Rss", "voluntary", "nonvoluntary", "State", "Threads"];

/// Files about this process's sandbox.
const OF_SANDBOX: [&str; 12] = [
    "/proc/self/mountinfo",
    "/proc/self/net/tcp",
    "/proc/self/net/tcp6",
    "/proc/self/net/udp",
    "/proc/self/net/udp6",
    "/proc/self/net/unix",
    "/proc/self/net/raw",
    "/proc/self/net/route",
    "/proc/sysvipc/msg",
    "/proc/sysvipc/sem",
    "/proc/sysvipc/shm",
    "/proc/sys/kernel/hostname",
];

/// Describes the sandbox, as text with one line for each fact.
pub(super) fn describe() -> String {
    let mut text = String::new();
    for directory in ["/work", "/tmp", "/dev", "/etc"] {
        describe_tree(Path::new(directory), &mut text);
    }
    for process in processes() {
        // Without the cgroups: the server knows when it has changed the share of the processors.
        for name in ["status", "limits", "comm", "cmdline"] {
            let content =
                fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_else(|error| error.to_string());
            let calm = content.lines().filter(|line| !RESTLESS.iter().any(|start| line.starts_with(start)));
            for line in calm {
                let _ = writeln!(text, "{process} {name} {line}");
            }
        }
        let _ = writeln!(text, "{process} {}", scheduling(&process));
    }
    for name in OF_SANDBOX {
        let content = fs::read_to_string(name).unwrap_or_else(|error| error.to_string());
        let _ = writeln!(text, "{name} {content}");
    }
    text
}

fn processes() -> Vec<String> {
    let listed = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = listed.filter_map(|entry| entry.file_name().into_string().ok());
    let mut processes: Vec<_> = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).collect();
    processes.sort();
    processes
}

/// Returns priority, nice value, real-time priority, policy and processor masks: fields of `/proc/<pid>/stat`.
fn scheduling(process: &str) -> String {
    const FIELDS: [usize; 4] = [18, 19, 40, 41];
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The second field may contain anything; the third comes after its last parenthesis.
    let fields: Vec<_> = stat.rsplit_once(") ").map_or_else(Vec::new, |(_, rest)| rest.split(' ').collect());
    let values = FIELDS.map(|number| fields.get(number - 3).copied().unwrap_or("?"));
    values.join(" ")
}

fn describe_tree(path: &Path, text: &mut String) {
    let Ok(found) = fs::symlink_metadata(path) else { return };
    let times = (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec());
    let rights = (found.mode(), found.uid(), found.gid(), found.nlink(), found.size());
    let _ = writeln!(text, "{} {times:?} {rights:?}", path.display());
    if found.is_dir() {
        let mut entries: Vec<_> =
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for entry in &entries {
            describe_tree(entry, text);
        }
    }
}
