//! The root of a container: the host system's own files, with the container's changes kept in memory.
//!
//! It consists of two overlays: one for the root, whose lowest layer the server has prepared, and one for `/usr`, whose
//! lowest layer is the host's `/usr`. A snapshot adds a layer to both. All changes lie in one limited file system in
//! memory. Set-user-id programs work, because a container has users; the highest user that they lead to is the
//! container's own root, which has no rights outside of the container.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Uid, chownat, mkdirat, openat2, unlinkat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use workers_engine_sys::{MountAttributes, mount_attributes};

use super::devices::{DeviceSource, LINKS};
use super::layers::Layers;
use super::mounts::{attach, bind_at, c_string, mount_memory, open_path};
use super::root::{Nothing, READ_ONLY, System, mount_proc_at};
use super::steps::{open_directory, step};
use super::user::ORDINARY;
use crate::container::{HOME, NODE};
use crate::message::{ContainerSetup, CreateSandbox, IsolationSetup};

/// Directories of the file system in memory, beside the root's: the upper and the work directories of the two overlays.
const CHANGES: [&str; 2] = ["root-changes", "usr-changes"];
const INDEX: [&str; 2] = ["root-index", "usr-index"];

/// Where the layers below the changes are attached: the layers that the server has prepared for the root and for
/// `/usr`, the host's own `/usr`, and the changes of a snapshot to both.
const BASE: &str = "base";
const PLACES: &str = "places";
const SYSTEM: &str = "system";
const SNAPSHOT: [&str; 2] = ["root-snapshot", "usr-snapshot"];

/// A directory that is sealed, so that it stays empty.
const EMPTY: &str = "empty";

/// The path of [`EMPTY`] as seen from the root.
const EMPTY_BESIDE: &str = "../empty";

/// Where the container's own devices are attached, and the same path as seen from the root.
const DEVICES: &str = "devices";
const DEVICES_BESIDE: &str = "../devices";

/// Where node's files are attached, and the same path as seen from the root.
const NODE_FROM: &str = "node";
const NODE_BESIDE: &str = "../node";

/// Directories of the root that something is mounted on.
const MOUNTED_ON: [&str; 3] = ["dev", "proc", "usr"];

/// How a path in the root is resolved: without links, and never out of the root.
const NOWHERE_ELSE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// The parts of the root, opened on the host.
pub(super) struct Parts {
    stage: OwnedFd,
    layers: Layers,
    system: System,
    devices: DeviceSource,
}

impl Parts {
    /// Opens the parts, while the process may still walk to them.
    pub(super) fn open(
        isolation: &IsolationSetup,
        setup: &ContainerSetup,
        layers: Layers,
        devices: Option<OwnedFd>,
    ) -> io::Result<Self> {
        // So that nothing that is mounted here appears on the host, and the reverse.
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        Ok(Self {
            stage: open_path(&setup.stage)?,
            layers,
            system: System::open(&isolation.runtime)?,
            devices: DeviceSource::open(devices, isolation)?,
        })
    }
}

/// Mounts everything, makes it the root and leaves the host's file system behind. Returns the directories with the
/// changes, of the root and of `/usr`.
pub(super) fn build(parts: &Parts, isolation: &IsolationSetup, order: &CreateSandbox) -> io::Result<[OwnedFd; 2]> {
    rustix::process::fchdir(&parts.stage)?;
    // Without `NOSUID`, because set-user-id programs have to work in a container.
    step("files in memory", mount_memory("container", MountFlags::NODEV, order.disk_bytes, "0755"))?;
    rustix::process::chdir("container")?;
    for name in
        CHANGES.iter().chain(&INDEX).chain(&SNAPSHOT).chain(&["root", BASE, PLACES, SYSTEM, EMPTY, DEVICES, NODE_FROM])
    {
        rustix::fs::mkdir(*name, Mode::from_raw_mode(0o755))?;
    }
    // Opened here, because no path leads to them once the root is changed. The server reads them when the container is
    // frozen.
    let changes = [open_directory(CHANGES[0])?, open_directory(CHANGES[1])?];
    let sealed = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    step("nothing", mount("tmpfs", EMPTY, "tmpfs", sealed, None))?;

    let [of_root, of_usr] = step("layers", attach_layers(&parts.layers))?;
    step("root", overlay("root", 0, &of_root))?;
    let root = open_directory("root")?;
    for name in MOUNTED_ON {
        step(name, own_directory(&root, name))?;
    }
    let home = step("home", own_directory(&root, HOME.trim_start_matches('/')))?;
    // No link can be in the way of this path: `own_directory` has checked `usr`, and nothing runs in the container yet.
    step("usr", overlay("root/usr", 1, &of_usr))?;

    rustix::process::chdir("root")?;
    // It may fail: before its snapshot was taken, a container may have moved the file away or replaced it with a link.
    if let Ok(place) = openat2(&root, NODE, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), NOWHERE_ELSE) {
        let node = step("node", parts.system.node(NODE_BESIDE))?;
        let node = step("node", bind_at(&node, &place))?;
        step("node, read-only", mount_attributes(node.as_fd(), READ_ONLY))?;
    }
    step("devices", mount_devices(&parts.devices, isolation))?;
    step("process files", mount_proc_at("proc", isolation, &Nothing { file: "dev/null", directory: EMPTY_BESIDE }))?;
    step("changing the root", rustix::process::pivot_root(".", "."))?;
    // The host's file system now lies over ours.
    step("leaving the host's files", unmount(".", UnmountFlags::DETACH))?;
    rustix::process::fchdir(home)?;
    Ok(changes)
}

/// Opens a directory at the top of the root, and makes it if it is missing. A file or link that a container has put in
/// its place is removed: no file of a container may decide where something is mounted, because until the root is
/// changed, links in it lead through the host's files.
fn own_directory(root: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || openat2(root, name, flags, Mode::empty(), NOWHERE_ELSE);
    match open() {
        Err(Errno::NOENT) => {}
        Err(Errno::NOTDIR | Errno::LOOP) => unlinkat(root, name, AtFlags::empty())?,
        found => return Ok(found?),
    }
    mkdirat(root, name, Mode::from_raw_mode(0o755))?;
    if format!("/{name}") == HOME {
        let (user, group) = (Uid::from_raw(ORDINARY), Gid::from_raw(ORDINARY));
        chownat(root, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(open()?)
}

fn overlay(target: &str, number: usize, below: &str) -> io::Result<()> {
    let (changes, index) = (CHANGES[number], INDEX[number]);
    // In a user namespace an overlay cannot use the attributes `trusted.overlay.*`, so it uses those of users.
    let options = c_string(format!("lowerdir={below},upperdir={changes},workdir={index},userxattr"))?;
    Ok(mount("overlay", target, "overlay", MountFlags::NODEV, Some(options.as_c_str()))?)
}

/// Attaches the layers, read-only. Returns those of the root and of `/usr` as the overlay's `lowerdir` option lists
/// them, the uppermost first.
fn attach_layers(layers: &Layers) -> io::Result<[String; 2]> {
    let place = |tree: &OwnedFd, name: &'static str| {
        let layer = attach(tree, name)?;
        mount_attributes(layer.as_fd(), MountAttributes::READ_ONLY).map(|()| name)
    };
    let mut of_root = vec![place(&layers.base, BASE)?];
    let mut of_usr = vec![place(&layers.places, PLACES)?, place(&layers.usr, SYSTEM)?];
    if let Some([root, usr]) = &layers.snapshot {
        of_root.insert(0, place(root, SNAPSHOT[0])?);
        of_usr.insert(0, place(usr, SNAPSHOT[1])?);
    }
    Ok([of_root.join(":"), of_usr.join(":")])
}

/// Mounts the devices on a file system of their own, so that they are there independent of what a container has done to
/// its `/dev`.
fn mount_devices(devices: &DeviceSource, isolation: &IsolationSetup) -> io::Result<()> {
    // The size is for `dev/shm`, which is a part of it and to which every user may write.
    mount("tmpfs", "dev", "tmpfs", MountFlags::NOSUID | MountFlags::NOEXEC, Some(c"size=64m,mode=0755"))?;
    for name in &isolation.runtime.devices {
        // Only files to mount the devices on: the kernel makes no devices in a user namespace.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
        drop(rustix::fs::open(format!("dev/{name}"), flags, Mode::from_raw_mode(0o666))?);
    }
    devices.attach_each(isolation, DEVICES_BESIDE)?;
    for (name, target) in LINKS {
        rustix::fs::symlink(target, format!("dev/{name}"))?;
    }
    rustix::fs::mkdir("dev/shm", Mode::empty())?;
    // Not with the mode of `mkdir`, from which the umask takes the right of others to write.
    Ok(rustix::fs::chmod("dev/shm", Mode::from_raw_mode(0o1777))?)
}
