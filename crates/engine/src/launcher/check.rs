//! Each process that is to run a user's code checks its own isolation before it does, and exits if a part is missing.
//!
//! We check in addition to setting the isolation up, because a step may be left out by mistake, or may have had no
//! effect. The checks use what the kernel reports about this process, not what we requested.

use std::io;
use std::mem::MaybeUninit;

use super::ids::INNER_ID;
use super::proc_self::{BUFFER_SIZE, NamespaceIds, ProcSelf, missing};
use crate::cgroup::CgroupPlan;

/// The ids and capabilities that a sandbox's processes must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpectedPrivileges {
    /// One user with exactly these capabilities, and none for what it executes. Only the first process of a sandbox
    /// that is kept has any: [`OF_KEEPER`].
    ///
    /// [`OF_KEEPER`]: super::privileges::OF_KEEPER
    Worker {
        /// A bit set, as the kernel numbers capabilities.
        capabilities: u64,
    },
    /// Root of a container, with exactly these capabilities.
    ContainerRoot {
        /// A bit set, as the kernel numbers capabilities.
        capabilities: u64,
    },
}

/// The number of filters: one of the launcher and one of the sandbox.
const FILTERS: u64 = 2;

/// Checks the isolation of this process once it is set up. No other process can undo it.
///
/// # Errors
///
/// With the first part that is missing.
pub(super) fn check_isolation(
    proc_self: &ProcSelf,
    host: &NamespaceIds,
    privileges: ExpectedPrivileges,
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); BUFFER_SIZE];
    for name in ["uid_map", "gid_map"] {
        check_map(name, proc_self.text(name, &mut space)?)?;
    }
    check_own_isolation(proc_self, host, privileges)
}

/// Checks the parts of the isolation that each process of a sandbox sets up itself: its ids, capabilities and filter,
/// and that it is in the sandbox's namespaces and cgroups. For a process that joins a sandbox this is enough: the
/// sandbox's first process has checked the maps of the user namespace with [`check_isolation`].
///
/// # Errors
///
/// With the first part that is missing.
pub(super) fn check_own_isolation(
    proc_self: &ProcSelf,
    host: &NamespaceIds,
    privileges: ExpectedPrivileges,
) -> io::Result<()> {
    // The launcher has read the host's numbers, because no file in the sandbox shows them any more.
    if let Some(kind) = proc_self.namespaces()?.shared_with(host) {
        return Err(missing(format!("the {kind} namespace is the host's")));
    }
    let mut space = [MaybeUninit::uninit(); BUFFER_SIZE];
    check_status(&Status(proc_self.text("status", &mut space)?), privileges)?;
    // The cgroup namespace begins at the sandbox's own group, so the path of a process within it does not begin with
    // `/..`.
    let groups = proc_self.text("cgroup", &mut space)?;
    let is_outside = |line: &str| line.rsplit(':').next().is_none_or(|path| path.starts_with("/.."));
    if groups.is_empty() || groups.lines().any(is_outside) {
        return Err(missing("the process is not in the sandbox's cgroups"));
    }
    Ok(())
}

/// Checks that this process is in the cgroups of its sandbox. It has to run before the process has a cgroup namespace,
/// which hides the path.
///
/// # Errors
///
/// When the process is not in them, or the file cannot be read.
pub(super) fn check_cgroups(proc_self: &ProcSelf, plan: &CgroupPlan, sandbox: &str) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); BUFFER_SIZE];
    is_in_groups(proc_self.text("cgroup", &mut space)?, plan, sandbox)
}

fn is_in_groups(groups: &str, plan: &CgroupPlan, sandbox: &str) -> io::Result<()> {
    // Only those that limit something: `cpuacct` and `cpu` are no part of the isolation.
    let controllers: &[&str] = match plan {
        CgroupPlan::V1 { .. } => &["memory", "pids"],
        CgroupPlan::V2 { .. } => &[""],
    };
    for controller in controllers {
        let is_in = groups.lines().any(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let names = fields.next().unwrap_or_default();
            let path = fields.next().unwrap_or_default();
            // The last part of the path is enough: no two sandboxes have the same name, and what comes before it
            // depends on the group that the server runs in.
            names.split(',').any(|name| name == *controller) && path.rsplit('/').next() == Some(sandbox)
        });
        if !is_in {
            return Err(missing(format!("the process is not in the sandbox's cgroup `{controller}`")));
        }
    }
    Ok(())
}

/// The content of `/proc/self/status`.
struct Status<'a>(&'a str);

impl Status<'_> {
    fn field(&self, name: &str) -> io::Result<&str> {
        let found = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.map(str::trim).ok_or_else(|| missing(format!("the kernel does not report `{name}`")))
    }

    fn number(&self, name: &str) -> io::Result<u64> {
        self.field(name)?.parse().map_err(|_| missing(format!("`{name}` is no number")))
    }

    fn capabilities(&self, name: &str) -> io::Result<u64> {
        u64::from_str_radix(self.field(name)?, 16).map_err(|_| missing(format!("`{name}` is no set of capabilities")))
    }
}

fn check_status(status: &Status<'_>, privileges: ExpectedPrivileges) -> io::Result<()> {
    let (id, capabilities, may_be_gained) = match privileges {
        ExpectedPrivileges::Worker { capabilities } => (INNER_ID, capabilities, 0),
        ExpectedPrivileges::ContainerRoot { capabilities } => (0, capabilities, capabilities),
    };
    for name in ["Uid", "Gid"] {
        // The line has four ids: real, effective, saved and that for files. A process may go back to each of them.
        let is_other = |word: &str| word.parse() != Ok(id);
        if status.field(name)?.split_whitespace().any(is_other) {
            return Err(missing(format!("`{name}` is {}", status.field(name)?)));
        }
    }
    let expected =
        [("CapInh", 0), ("CapPrm", capabilities), ("CapEff", capabilities), ("CapBnd", may_be_gained), ("CapAmb", 0)];
    for (name, expected) in expected {
        let found = status.capabilities(name)?;
        if found != expected {
            return Err(missing(format!("`{name}` is {found:x}, not {expected:x}")));
        }
    }
    // The users of a container become others by set-user-id programs, which `no_new_privs` would rule out.
    if !matches!(privileges, ExpectedPrivileges::ContainerRoot { .. }) && status.number("NoNewPrivs")? != 1 {
        return Err(missing("programs may gain rights"));
    }
    if status.number("Seccomp")? != 2 {
        return Err(missing("there is no filter of system calls"));
    }
    // Kernels before 5.9 do not report the number of filters.
    if status.number("Seccomp_filters").is_ok_and(|filters| filters < FILTERS) {
        return Err(missing("the filter of system calls is not complete"));
    }
    Ok(())
}

/// Checks that a map does not include the host's root. Each line of a map is the first id inside, the first id outside,
/// and the count.
fn check_map(name: &str, map: &str) -> io::Result<()> {
    let firsts: Option<Vec<u32>> = map.lines().map(|line| line.split_whitespace().nth(1)?.parse().ok()).collect();
    match firsts.as_deref() {
        None | Some([]) => Err(missing(format!("`{name}` maps nothing"))),
        // No id is less than 0, so a range that includes 0 begins with it.
        Some(firsts) if firsts.contains(&0) => Err(missing(format!("`{name}` maps root of the host"))),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: &str = "Name:\tnode\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nCapInh:\t0000000000000000\n\
        CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\n\
        NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\n";

    #[test]
    fn a_fully_isolated_process_passes() {
        check_status(&Status(WORKER), ExpectedPrivileges::Worker { capabilities: 0 }).unwrap();
        let root = WORKER
            .replace("1000", "0")
            .replace("0000000000000000", "00000000200005eb")
            .replace("NoNewPrivs:\t1", "NoNewPrivs:\t0");
        let root =
            root.replace("CapInh:\t00000000200005eb", "CapInh:\t0").replace("CapAmb:\t00000000200005eb", "CapAmb:\t0");
        check_status(&Status(&root), ExpectedPrivileges::ContainerRoot { capabilities: 0x2000_05eb }).unwrap();
    }

    #[test]
    fn whatever_is_missing_is_found() {
        let changes = [
            ("Uid:\t1000\t1000\t1000\t1000", "Uid:\t1000\t1000\t0\t1000"),
            ("Gid:\t1000", "Gid:\t0"),
            ("CapEff:\t0000000000000000", "CapEff:\t0000000000200000"),
            ("CapBnd:\t0000000000000000", "CapBnd:\t000001ffffffffff"),
            ("CapAmb:\t0000000000000000", "CapAmb:\t0000000000000001"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0"),
            ("Seccomp:\t2", "Seccomp:\t0"),
            ("Seccomp_filters:\t2", "Seccomp_filters:\t1"),
            ("CapPrm:\t0000000000000000\n", ""),
        ];
        for (right, wrong) in changes {
            let status = WORKER.replace(right, wrong);
            assert_ne!(status, WORKER);
            let error = check_status(&Status(&status), ExpectedPrivileges::Worker { capabilities: 0 }).unwrap_err();
            assert!(error.to_string().contains("a part of the isolation is missing"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_map_with_root_of_the_host_is_refused() {
        // The first id of sandboxes (`FIRST_UID`), and the owner of snapshots' files (`CONTENT_OWNER`).
        check_map("uid_map", "      1000 1879048192          1\n      1001 1895825408          1\n").unwrap();
        for map in ["1000 0 1\n", "0 0 4294967295\n", "1000 1879048192 1\n0 0 1\n", "", "nonsense\n"] {
            check_map("uid_map", map).unwrap_err();
        }
    }

    #[test]
    fn a_process_outside_of_its_groups_is_found() {
        let v1 = CgroupPlan::V1 { memory: "/m".into(), pids: "/p".into(), cpuacct: None, cpu: None };
        let groups = "8:pids:/workers-1/sbx_a\n4:memory:/workers-1/sbx_a\n1:cpuset:/\n";
        is_in_groups(groups, &v1, "sbx_a").unwrap();
        is_in_groups(groups, &v1, "sbx_b").unwrap_err();
        is_in_groups(&groups.replace("pids:/workers-1/sbx_a", "pids:/"), &v1, "sbx_a").unwrap_err();
        let v2 = CgroupPlan::V2 { base: "/c".into() };
        is_in_groups("0::/workers-1/sbx_a\n", &v2, "sbx_a").unwrap();
        is_in_groups("0::/workers-1\n", &v2, "sbx_a").unwrap_err();
    }
}
