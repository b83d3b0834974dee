//! Finds out where on this host the groups of sandboxes can be made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{at, write};
use super::{CgroupPlan, Group, GroupLimits, v1};

/// A mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hierarchy {
    /// Its controllers; empty for version 2.
    controllers: Vec<String>,
    /// The directory of the hierarchy that is mounted.
    root: PathBuf,
    /// The mount point.
    mounted_at: PathBuf,
    /// Whether it is version 2.
    unified: bool,
}

/// Finds where groups can be made, and makes the directory `name` there. `parent` is used instead of the group that
/// this process is in.
///
/// # Errors
///
/// A sentence that names what is missing.
pub(crate) fn discover(parent: Option<&Path>, name: &str) -> Result<CgroupPlan, String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| format!("mountinfo: {error}"))?;
    let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| format!("own cgroup: {error}"))?;
    let hierarchies = parse_mounts(&mounts);
    let plan = plan(&hierarchies, &own, parent)?;
    let plan = match plan {
        CgroupPlan::V2 { base } => prepare_v2(&base, &hierarchies)?,
        v1 @ CgroupPlan::V1 { .. } => v1,
    };
    let below = without_what_is_not_ours(plan.below(name));
    make_bases(&below)?;
    Ok(below)
}

/// Makes the directories of a plan, and checks that groups can be made in them.
///
/// # Errors
///
/// A sentence that names what is missing.
pub(crate) fn make_bases(below: &CgroupPlan) -> Result<(), String> {
    for directory in below.bases() {
        fs::create_dir_all(directory).map_err(|error| {
            format!("no cgroup can be made: {}: {error} (run as root, or with a delegated cgroup)", directory.display())
        })?;
    }
    if let CgroupPlan::V2 { base } = below {
        enable(base).map_err(|error| format!("controllers cannot be enabled: {error}"))?;
    }
    if let CgroupPlan::V1 { memory, .. } = below {
        v1::limit_all_sockets(memory).map_err(|error| format!("the memory of sockets cannot be limited: {error}"))?;
    }
    // That a directory can be made does not mean that the kernel has files for limits in it.
    let trial: Group = below.group("trial");
    trial
        .make(GroupLimits { memory_bytes: 64 << 20, processes: 8, dies_as_one: true })
        .and_then(|()| trial.remove())
        .map_err(|error| format!("a cgroup cannot be limited: {error}"))
}

/// Does without shares of the processors if they are in a hierarchy of their own in which we may not make directories.
/// All other directories of the plan are required.
fn without_what_is_not_ours(mut below: CgroupPlan) -> CgroupPlan {
    let is_refused = below.later_base().is_some_and(|directory| fs::create_dir_all(directory).is_err());
    if let CgroupPlan::V1 { cpu, .. } = &mut below
        && is_refused
    {
        *cpu = None;
    }
    below
}

/// Returns the directories of the group that this process is in for a controller, and of all groups above that are
/// visible, because each may have a limit. Empty if there is no such hierarchy.
pub(crate) fn own_groups(controller: &str) -> io::Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let own = fs::read_to_string("/proc/self/cgroup")?;
    Ok(groups_of(&parse_mounts(&mounts), &own, controller))
}

fn groups_of(hierarchies: &[Hierarchy], own: &str, controller: &str) -> Vec<PathBuf> {
    let by_name = hierarchies.iter().find(|one| one.controllers.iter().any(|name| name == controller));
    let (hierarchy, name) = match by_name {
        Some(hierarchy) => (Some(hierarchy), controller),
        None => (hierarchies.iter().find(|one| one.unified), ""),
    };
    let Some(hierarchy) = hierarchy else { return Vec::new() };
    // In a container, the group may lie outside of what is mounted; the limits of the mounted group apply nevertheless.
    let own = own_directory(hierarchy, own, name).unwrap_or_else(|| hierarchy.mounted_at.clone());
    own.ancestors()
        .take_while(|directory| directory.starts_with(&hierarchy.mounted_at))
        .map(Path::to_path_buf)
        .collect()
}

/// Parses the mounted hierarchies from `/proc/self/mountinfo`.
fn parse_mounts(text: &str) -> Vec<Hierarchy> {
    let parse = |line: &str| {
        // The number of fields before the separator varies.
        let (fields, tail) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (root, mounted_at) = (fields.next()?.into(), fields.next()?.into());
        let mut tail = tail.split(' ');
        let kind = tail.next()?;
        let options = tail.nth(1).unwrap_or_default();
        let unified = kind == "cgroup2";
        (unified || kind == "cgroup").then(|| Hierarchy {
            controllers: if unified { Vec::new() } else { options.split(',').map(str::to_owned).collect() },
            root,
            mounted_at,
            unified,
        })
    };
    text.lines().filter_map(parse).collect()
}

/// Returns the directory of the group that `/proc/self/cgroup` (`own`) lists for a controller; the empty name is
/// version 2.
fn own_directory(hierarchy: &Hierarchy, own: &str, controller: &str) -> Option<PathBuf> {
    own.lines().find_map(|line| {
        // The path comes last and may contain colons.
        let mut fields = line.splitn(3, ':').skip(1);
        let names = fields.next()?;
        let path = fields.next()?;
        let is_meant = names.split(',').any(|name| name == controller);
        let below = Path::new(path).strip_prefix(&hierarchy.root).ok()?;
        is_meant.then(|| hierarchy.mounted_at.join(below))
    })
}

fn plan(hierarchies: &[Hierarchy], own: &str, parent: Option<&Path>) -> Result<CgroupPlan, String> {
    let directory = |hierarchy: &Hierarchy, controller: &str| match parent {
        Some(parent) => Some(hierarchy.mounted_at.join(parent.strip_prefix("/").unwrap_or(parent))),
        None => own_directory(hierarchy, own, controller),
    };
    let v1 = |controller: &str| {
        let hierarchy = hierarchies.iter().find(|one| one.controllers.iter().any(|name| name == controller))?;
        directory(hierarchy, controller)
    };
    // Version 1 first: on a host that has both, a controller is in one of them only, and version 2 lacks those of
    // version 1.
    match (v1("memory"), v1("pids")) {
        (Some(memory), Some(pids)) => {
            return Ok(CgroupPlan::V1 { memory, pids, cpuacct: v1("cpuacct"), cpu: v1("cpu") });
        }
        (Some(_), None) => return Err("the cgroup controller `pids` is not there".to_owned()),
        (None, Some(_)) => return Err("the cgroup controller `memory` is not there".to_owned()),
        (None, None) => {}
    }
    let unified = hierarchies.iter().find(|one| one.unified).ok_or("no cgroup hierarchy is mounted")?;
    let base = directory(unified, "").ok_or("the group of this process lies outside of what is mounted")?;
    Ok(CgroupPlan::V2 { base })
}

/// Finds a base for groups below `own`. A group that has processes cannot enable controllers for groups below it, so
/// this process moves into a leaf. If other processes are in the same group, we use the hierarchy's root instead, if we
/// may.
fn prepare_v2(own: &Path, hierarchies: &[Hierarchy]) -> Result<CgroupPlan, String> {
    let available = fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
    let alone = fs::read_to_string(own.join("cgroup.procs"))
        .is_ok_and(|listed| listed.lines().all(|pid| pid == std::process::id().to_string()));
    let mut candidates = Vec::new();
    if alone && has_controllers(&available).is_ok() {
        candidates.push(own.to_path_buf());
    }
    // Only the root group may have both processes and groups with controllers.
    candidates.extend(hierarchies.iter().find(|one| one.unified).map(|one| one.mounted_at.clone()));
    let mut reason = has_controllers(&available).err();
    for base in candidates {
        let moved = if base == own { move_to_leaf(own) } else { Ok(()) };
        match moved.and_then(|()| enable(&base)) {
            Ok(()) => return Ok(CgroupPlan::V2 { base }),
            Err(error) => reason = Some(format!("no delegated cgroup: {error}")),
        }
    }
    Err(reason.unwrap_or_else(|| "no delegated cgroup".to_owned()))
}

fn has_controllers(listed: &str) -> Result<(), String> {
    ["memory", "pids"]
        .into_iter()
        .find(|wanted| !listed.split_whitespace().any(|name| name == *wanted))
        .map_or(Ok(()), |missing| Err(format!("the cgroup controller `{missing}` is not delegated to this process")))
}

fn move_to_leaf(own: &Path) -> io::Result<()> {
    let leaf = own.join("server");
    fs::create_dir_all(&leaf).map_err(|error| at(&leaf, error))?;
    write(&leaf.join("cgroup.procs"), &std::process::id().to_string())
}

/// Enables the controllers for the groups below.
fn enable(base: &Path) -> io::Result<()> {
    let file = base.join("cgroup.subtree_control");
    write(&file, "+memory +pids")?;
    // For processor time and shares; the controller may be missing.
    let _ = write(&file, "+cpu");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "\
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime shared:3 - cgroup cgroup rw,cpu,cpuacct
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";

    #[test]
    fn the_own_group_of_each_controller_is_the_base() {
        let own = "8:pids:/\n4:memory:/a/b\n2:cpu,cpuacct:/c\n0::/";
        let expected = CgroupPlan::V1 {
            memory: "/sys/fs/cgroup/memory/a/b".into(),
            pids: "/sys/fs/cgroup/pids".into(),
            cpuacct: Some("/sys/fs/cgroup/cpu/c".into()),
            cpu: Some("/sys/fs/cgroup/cpu/c".into()),
        };
        assert_eq!(plan(&parse_mounts(V1), own, None), Ok(expected));
    }

    #[test]
    fn every_group_above_the_own_one_is_named_for_it_may_have_a_limit() {
        let hierarchies = parse_mounts(V1);
        let expected = ["a/b", "a", ""].map(|below| Path::new("/sys/fs/cgroup/memory").join(below));
        assert_eq!(groups_of(&hierarchies, "4:memory:/a/b\n0::/x", "memory"), expected);
        let unified = parse_mounts("30 25 0:26 /docker/x /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate");
        let root = PathBuf::from("/sys/fs/cgroup");
        assert_eq!(groups_of(&unified, "0::/docker/x/app", "memory"), [root.join("app"), root.clone()]);
        assert_eq!(groups_of(&unified, "0::/elsewhere", "memory"), [root]);
        assert!(groups_of(&[], "0::/", "memory").is_empty());
    }

    #[test]
    fn a_group_inside_a_container_is_found_below_what_is_mounted() {
        let mounts = "30 25 0:26 /docker/x /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate";
        let inside = plan(&parse_mounts(mounts), "0::/docker/x/app", None);
        assert_eq!(inside, Ok(CgroupPlan::V2 { base: "/sys/fs/cgroup/app".into() }));
        let outside = plan(&parse_mounts(mounts), "0::/elsewhere", None);
        assert!(outside.unwrap_err().contains("outside"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let without_pids: String = V1.lines().filter(|line| !line.contains("pids")).collect::<Vec<_>>().join("\n");
        let own = "4:memory:/\n0::/";
        assert!(plan(&parse_mounts(&without_pids), own, None).unwrap_err().contains("`pids`"));
        assert!(plan(&[], own, None).unwrap_err().contains("no cgroup hierarchy"));
        assert!(has_controllers("cpu io pids").unwrap_err().contains("`memory`"));
    }

    #[test]
    fn a_delegated_group_is_used_and_its_controllers_are_handed_on() {
        let tree = tempfile::tempdir().unwrap();
        let own = tree.path().join("own");
        fs::create_dir_all(own.join("server")).unwrap();
        let pid = std::process::id().to_string();
        fs::write(own.join("cgroup.controllers"), "cpu memory pids").unwrap();
        fs::write(own.join("cgroup.procs"), format!("{pid}\n")).unwrap();
        fs::write(own.join("cgroup.subtree_control"), "").unwrap();
        fs::write(own.join("server/cgroup.procs"), "").unwrap();
        assert_eq!(prepare_v2(&own, &[]), Ok(CgroupPlan::V2 { base: own.clone() }));
        assert_eq!(fs::read_to_string(own.join("server/cgroup.procs")).unwrap(), pid);
        assert!(fs::read_to_string(own.join("cgroup.subtree_control")).unwrap().starts_with('+'));
    }
}
