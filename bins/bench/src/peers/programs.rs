//! Where the programs of the peers are installed.

use std::path::PathBuf;

use anyhow::Context as _;

/// Where the peers' programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) node: PathBuf,
    /// The directory that contains `node_modules`.
    pub(crate) packages: PathBuf,
}

impl Programs {
    /// Returns the path of a file in a package. `machines` are the package's names for x86-64 and for ARM.
    pub(super) fn file(&self, machines: [&str; 2], file: &str) -> anyhow::Result<PathBuf> {
        let [x86, arm] = machines;
        let package = if cfg!(target_arch = "aarch64") { arm } else { x86 };
        let path = self.packages.join("node_modules").join(package).join(file);
        path.canonicalize().with_context(|| format!("there is no {}", path.display()))
    }
}
