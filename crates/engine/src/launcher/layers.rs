//! The layers of containers' files, mounted so that each container sees them as owned by its own ids.
//!
//! On disk, the files of all containers belong to one range of ids ([`FIRST_ID`]), and the system's files to the host's
//! root and other ids of the host. Each running container has its own range of ids, because the kernel keeps many
//! counters per user. The layers are id-mapped mounts that translate between the two: each uses a user namespace that
//! maps the ids on disk to the ids of the container.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Pid, Resource, Rlimit, WaitOptions};
use workers_engine_sys::{
    Cloned, NewNamespaces, SingleThread, clone_process, exit_now, map_owners, unshare_namespaces,
};

use super::ids::IdRange;
use super::mounts::{attach, clone_tree, open_path};
use super::privileges::take_container_root;
use super::probe::in_user_namespace;
use crate::container::{FIRST_ID, IDS, MOST_CONTAINERS};
use crate::message::ContainerSetup;

/// Makes the layers of containers, with the owners of their files mapped to the ids of each container.
pub(super) struct LayerFactory {
    thread: SingleThread,
    setup: ContainerSetup,
    /// The first id of the container in slot 0; the ids of the others follow.
    first_id: u32,
    /// The id mappings by slot. A mapping is made once, and used by all containers that have the slot one after
    /// another.
    owners: HashMap<u32, Owners>,
    /// The mapping that all containers share where they cannot have their own ids.
    shared: Option<Owners>,
}

/// The user namespaces that map the owners of the files in a container's layers.
struct Owners {
    /// The container's first id.
    first: u32,
    /// Maps the ids on disk to the container's; `None` where they are the same.
    of_disk: Option<OwnedFd>,
    /// Maps the ids of the system's files to the container's; `None` where the kernel cannot do that. Then no user of a
    /// container owns the system's files, and programs that check for that fail.
    of_system: Option<OwnedFd>,
}

/// The layers of a container: mounts that are not attached anywhere.
pub(super) struct Layers {
    pub(super) base: OwnedFd,
    pub(super) places: OwnedFd,
    /// The snapshot's layers of the root and of `/usr`.
    pub(super) snapshot: Option<[OwnedFd; 2]>,
    pub(super) usr: OwnedFd,
}

impl Layers {
    /// Returns all layers.
    pub(super) fn all(&self) -> impl Iterator<Item = &OwnedFd> {
        [&self.base, &self.places, &self.usr].into_iter().chain(self.snapshot.iter().flatten())
    }
}

impl LayerFactory {
    /// Finds out whether containers can have ids of their own, and falls back to shared ids where the setup permits it.
    ///
    /// # Errors
    ///
    /// When containers cannot have ids of their own and shared ids are not permitted, or when it cannot be found out at
    /// the moment.
    pub(super) fn new(thread: SingleThread, setup: &ContainerSetup, first_id: u32) -> io::Result<Self> {
        // Each container takes a handful of descriptors here while it is made, and its slot keeps two.
        let most = rustix::process::getrlimit(Resource::Nofile).maximum;
        rustix::process::setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
        let mut host = Self { thread, setup: setup.clone(), first_id, owners: HashMap::new(), shared: None };
        let Err((error, what)) = host.try_own_ids() else { return Ok(host) };
        let named =
            |means: &str| io::Error::other(format!("containers need ids of their own: {means}: {what}: {error}"));
        if !is_answer(&error) {
            return Err(named("it cannot be found out at the moment whether the kernel can map owners of files"));
        }
        if !setup.allow_shared_ids {
            return Err(named("the kernel cannot map owners of files"));
        }
        host.shared = Some(host.shared_owners()?);
        Ok(host)
    }

    /// Returns whether each container has ids that no other container has.
    pub(super) fn has_own_ids(&self) -> bool {
        self.shared.is_none()
    }

    /// Returns the first id and the layers of the container in this slot. `lower` is the path of its snapshot, or
    /// empty.
    ///
    /// # Errors
    ///
    /// When the slot is beyond [`MOST_CONTAINERS`], or the kernel refuses.
    pub(super) fn layers(&mut self, slot: u32, lower: &str) -> io::Result<(u32, Layers)> {
        // A copy, because `owners_of` borrows the factory as long as the owners are used.
        let setup = self.setup.clone();
        let owners = match &self.shared {
            Some(shared) => shared,
            None => self.owners_of(slot)?,
        };
        let disk = |path: &str| tree(path, owners.of_disk.as_ref());
        let snapshot = |name: &str| disk(&format!("{lower}/{name}"));
        let layers = Layers {
            base: disk(&setup.base)?,
            places: disk(&setup.places)?,
            snapshot: if lower.is_empty() { None } else { Some([snapshot("root")?, snapshot("usr")?]) },
            usr: tree(&setup.usr, owners.of_system.as_ref())?,
        };
        Ok((owners.first, layers))
    }

    fn owners_of(&mut self, slot: u32) -> io::Result<&Owners> {
        if slot >= MOST_CONTAINERS {
            return Err(io::Error::other(format!("there are {MOST_CONTAINERS} containers, and no ids for another")));
        }
        let first = self.first_id + slot * IDS;
        // Taken out and put back: an `entry` would borrow the table while a namespace is made.
        let owners = match self.owners.remove(&slot) {
            Some(owners) => owners,
            None => Owners {
                first,
                of_disk: Some(self.namespace(IdRange { inside: FIRST_ID, outside: first, count: IDS })?),
                of_system: Some(self.namespace(IdRange { inside: 0, outside: first, count: IDS })?),
            },
        };
        Ok(self.owners.entry(slot).insert_entry(owners).into_mut())
    }

    fn shared_owners(&self) -> io::Result<Owners> {
        let of_system = self.namespace(IdRange { inside: 0, outside: FIRST_ID, count: IDS })?;
        let of_system = match tree(&self.setup.usr, Some(&of_system)) {
            Ok(_) => Some(of_system),
            Err(error) if is_answer(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Owners { first: FIRST_ID, of_disk: None, of_system })
    }

    /// Makes a user namespace with this map and without any process in it.
    fn namespace(&self, ids: IdRange) -> io::Result<OwnedFd> {
        in_user_namespace(self.thread, ids, |pid: Pid| {
            let path = format!("/proc/{}/ns/user", pid.as_raw_nonzero());
            // The descriptor keeps the namespace when its only process has ended.
            Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
        })
    }

    /// Tries all that a container will use: id-mapped mounts of the file systems that layers lie on, and an overlay
    /// over them.
    fn try_own_ids(&mut self) -> Result<(), (io::Error, String)> {
        let ContainerSetup { base, places, images, usr, stage, .. } = self.setup.clone();
        let thread = self.thread;
        let owners = self.owners_of(0).map_err(|error| (error, "making a user namespace".to_owned()))?;
        for path in [&base, &places, &images] {
            tree(path, owners.of_disk.as_ref()).map_err(|error| (error, path.clone()))?;
        }
        tree(&usr, owners.of_system.as_ref()).map_err(|error| (error, usr.clone()))?;
        let layer = tree(&base, owners.of_disk.as_ref()).map_err(|error| (error, base.clone()))?;
        try_overlay(thread, owners.first, &stage, &layer)
            .map_err(|error| (error, "an overlay over mapped files (Linux 5.19 or later)".to_owned()))
    }
}

/// Returns whether an error means that the kernel cannot do something at all. Other errors may pass, or have another
/// cause.
fn is_answer(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let definite = [Errno::INVAL, Errno::OPNOTSUPP, Errno::NOSYS, Errno::PERM];
    definite.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Opens a directory as a mount that is not attached anywhere, id-mapped if `owners` is given.
fn tree(path: &str, owners: Option<&OwnedFd>) -> io::Result<OwnedFd> {
    let tree = clone_tree(&open_path(path)?)?;
    if let Some(owners) = owners {
        map_owners(tree.as_fd(), owners.as_fd())?;
    }
    Ok(tree)
}

/// Mounts an overlay over a layer as the root of a container, to see whether the kernel can do it.
fn try_overlay(thread: SingleThread, first: u32, stage: &str, layer: &OwnedFd) -> io::Result<()> {
    let (released, release) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match clone_process(thread, NewNamespaces::USER_AND_PID)? {
        Cloned::Child => {
            drop(release);
            let tried = || -> io::Result<()> {
                if rustix::io::read(&released, &mut [0; 1])? != 1 {
                    // Nothing was tried, so it must be an error that is no answer (`is_answer`).
                    return Err(io::Error::from(rustix::io::Errno::INTR));
                }
                unshare_namespaces(thread)?;
                mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
                // Opened while the process may still walk to it.
                let stage = open_path(stage)?;
                take_container_root()?;
                rustix::process::fchdir(&stage)?;
                mount("tmpfs", "container", "tmpfs", MountFlags::NODEV, None)?;
                rustix::process::chdir("container")?;
                for name in ["layer", "changes", "index", "root"] {
                    rustix::fs::mkdir(name, Mode::RWXU)?;
                }
                attach(layer, "layer")?;
                let options = c"lowerdir=layer,upperdir=changes,workdir=index,userxattr";
                mount("overlay", "root", "overlay", MountFlags::NODEV, Some(options))?;
                // Kernels that lack a part of this fail when a file is made or removed.
                rustix::fs::mkdir("root/trial", Mode::RWXU)?;
                Ok(rustix::fs::rmdir("root/trial")?)
            };
            // An error number fits into an exit code.
            let code = |error: io::Error| error.raw_os_error().unwrap_or(rustix::io::Errno::IO.raw_os_error());
            // Even after a panic, the child must not run on in the launcher's frames.
            exit_now(catch_unwind(AssertUnwindSafe(|| tried().map_or_else(code, |()| 0))).unwrap_or(255))
        }
        Cloned::Parent { pid, .. } => {
            let map = IdRange { inside: 0, outside: first, count: IDS };
            let mapped = map.write(pid).and_then(|()| Ok(rustix::io::write(&release, b"!")?));
            drop(release);
            let ended = rustix::process::waitpid(Some(pid), WaitOptions::empty())?;
            mapped?;
            match ended.and_then(|(_, status)| status.exit_status()) {
                Some(0) => Ok(()),
                Some(code) => Err(io::Error::from_raw_os_error(code)),
                None => Err(io::Error::other("the process that tried it was killed")),
            }
        }
    }
}
