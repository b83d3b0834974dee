//! The root of a worker's sandbox: a read-only directory, its own `/proc`, five devices, and a limited place to write
//! to.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, fsconfig_set_flag, fsconfig_set_string, mount, mount_bind,
    mount_change, unmount,
};
use workers_engine_sys::{MountAttributes, mount_attributes};

use super::devices::DeviceSource;
use super::mounts::{attach, bind, c_string, clone_tree, make_file_system, mount_memory, move_to, open_path};
use super::steps::step;
use crate::copy;
use crate::message::{CreateSandbox, IsolationSetup, Runtime};

/// The mount attributes of node's files.
pub(super) const READ_ONLY: MountAttributes =
    MountAttributes::NO_SETUID.and(MountAttributes::NO_DEVICES).and(MountAttributes::READ_ONLY);

/// The parts of the root, opened on the host.
pub(super) struct Sources {
    system: System,
    lower: OwnedFd,
    devices: DeviceSource,
}

impl Sources {
    /// Opens the parts, while the process may still walk to them.
    pub(super) fn open(
        isolation: &IsolationSetup,
        order: &CreateSandbox,
        devices: Option<OwnedFd>,
    ) -> io::Result<Self> {
        let runtime = &isolation.runtime;
        // So that nothing that is mounted here appears on the host, and the reverse.
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        Ok(Self {
            system: System::open(runtime)?,
            lower: open_path(&order.lower)?,
            devices: DeviceSource::open(devices, isolation)?,
        })
    }
}

/// The files of node and its dependencies, opened on the host.
pub(super) struct System {
    root: OwnedFd,
    nothing: OwnedFd,
    /// The node program, if it is not among the files of `root`.
    node: Option<OwnedFd>,
}

impl System {
    /// Opens the files, while the process may still walk to them.
    pub(super) fn open(runtime: &Runtime) -> io::Result<Self> {
        let open = |path: &PathBuf| open_path(&path.to_string_lossy());
        let node = if runtime.has_node { None } else { Some(open(&runtime.node)?) };
        Ok(Self { root: open(&runtime.root)?, nothing: open(&runtime.nothing)?, node })
    }

    /// Makes a read-only mount of the files that is not attached anywhere. With overlays it is an overlay, so that its
    /// files are the sandbox's own, and no other sandbox can lock or watch them.
    fn mount(&self, overlay: bool) -> io::Result<OwnedFd> {
        let tree = if overlay { self.lay_over()? } else { clone_tree(&self.root)? };
        mount_attributes(tree.as_fd(), READ_ONLY)?;
        Ok(tree)
    }

    fn lay_over(&self) -> io::Result<OwnedFd> {
        // The lowest layer is last; the kernel does not read its attributes.
        // Two, because an overlay without an upper layer needs at least two lower ones. By descriptor, because the
        // sandbox's user may not walk to the data directory.
        let layers = [&self.nothing, &self.root].map(|layer| format!("/proc/self/fd/{}", layer.as_raw_fd()));
        make_file_system("overlay", |overlay| {
            fsconfig_set_string(overlay, "lowerdir", layers.join(":"))?;
            fsconfig_set_flag(overlay, "userxattr")
        })
    }

    /// Opens the node program. `mount_point` is an empty directory below the current one, where the files are attached
    /// for that.
    pub(super) fn node(&self, mount_point: &str) -> io::Result<OwnedFd> {
        if let Some(node) = &self.node {
            return node.try_clone();
        }
        attach(&self.mount(true)?, mount_point)?;
        open_path(&format!("{mount_point}/usr/bin/node"))
    }
}

/// Mounts everything, makes it the root and leaves the host's file system behind.
pub(super) fn build_root(
    sources: &Sources,
    isolation: &IsolationSetup,
    overlay: bool,
    order: &CreateSandbox,
) -> io::Result<()> {
    let root = step("root", sources.system.mount(overlay))?;
    // `pivot_root` takes only a mount that is attached. Attached to its own lower layer, it needs no other directory.
    step("root, in its place", move_to(&root, sources.system.root.as_fd()))?;
    rustix::process::fchdir(&root)?;
    if let Some(node) = &sources.system.node {
        let node = step("node", bind(node, Some("usr/bin/node")))?;
        step("node, read-only", mount_attributes(node.as_fd(), READ_ONLY))?;
    }
    step("devices", sources.devices.attach())?;
    // After the devices, because `dev/null` hides files in it.
    step("process files", mount_proc(isolation))?;
    step("writable files", mount_writable(sources, overlay, order))?;
    step("changing the root", rustix::process::pivot_root(".", "."))?;
    // The host's file system now lies over ours.
    step("leaving the host's files", unmount(".", UnmountFlags::DETACH))?;
    step("working directory", rustix::process::chdir("/work"))
}

/// Mounts the `/proc` of this pid namespace, read-only as a whole, without the files that reveal something about the
/// host.
fn mount_proc(isolation: &IsolationSetup) -> io::Result<()> {
    // The paths lie in the root, which is read-only by then.
    mount_proc_at("proc", isolation, &Nothing { file: "dev/null", directory: "var/empty" })
}

/// The empty file and directory that are mounted over hidden ones: paths below the current directory that no sandbox
/// can change.
pub(super) struct Nothing {
    /// A device without effect, such as `/dev/null`.
    pub(super) file: &'static str,
    /// An empty directory.
    pub(super) directory: &'static str,
}

/// Mounts `/proc` at a path that no sandbox can change.
pub(super) fn mount_proc_at(target: &str, isolation: &IsolationSetup, nothing: &Nothing) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    mount("proc", target, "proc", flags, None)?;
    let files = isolation.runtime.masked_files.iter().map(|name| (nothing.file, name));
    let directories = isolation.runtime.masked_directories.iter().map(|name| (nothing.directory, name));
    for (with, name) in files.chain(directories) {
        // By path: there are dozens of them, and this takes one system call each instead of five.
        match mount_bind(with, format!("{target}/{name}")) {
            // Not every kernel has all of them.
            Err(Errno::NOENT) => {}
            bound => step(name, bound)?,
        }
    }
    Ok(())
}

/// Mounts one limited file system in memory for all that is written: `/tmp`, and the changes to the working directory.
fn mount_writable(sources: &Sources, overlay: bool, order: &CreateSandbox) -> io::Result<()> {
    // Without times of reading: a run must not leave them to the next one.
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
    mount_memory("tmp", flags, order.disk_bytes, "0700")?;
    // `/tmp` does not have the usual mode 1777, because the sandbox has one user.
    for name in ["tmp/tmp", "tmp/upper", "tmp/index"] {
        rustix::fs::mkdir(name, Mode::from_raw_mode(0o755))?;
    }
    if overlay {
        let lower = format!("/proc/self/fd/{}", sources.lower.as_raw_fd());
        let options = c_string(format!("lowerdir={lower},upperdir=tmp/upper,workdir=tmp/index,userxattr"))?;
        mount("overlay", "work", "overlay", flags, Some(options.as_c_str()))?;
    } else {
        let upper = open_path("tmp/upper")?;
        // Without another owner: this process already is the sandbox's user, whose files the copies have to be.
        copy::copy_tree(sources.lower.as_fd(), upper.as_fd(), None)?;
        bind(&upper, Some("work"))?;
    }
    // From here on the overlay's upper and work directories cannot be reached any more.
    let private = open_path("tmp/tmp")?;
    bind(&private, Some("tmp"))?;
    Ok(())
}
