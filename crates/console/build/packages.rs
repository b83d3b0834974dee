//! The packages in `web/node_modules` that the build needs.

use std::fs;
use std::path::Path;

use crate::tools;

/// Installs the packages unless they are installed already. The caller holds the lock.
///
/// A copy of the lock file in `node_modules` records what is installed: `.build.json` for the packages of the build,
/// `.all.json` if those for tests and lints are installed too. It is written last, and npm removes it first;
/// `scripts/install-console-packages.sh` does the same.
pub(crate) fn install(web: &Path, out: &Path) -> Result<(), String> {
    let wanted =
        fs::read(web.join("package-lock.json")).map_err(|error| format!("cannot read its lock file: {error}"))?;
    let modules = web.join("node_modules");
    let installed = |name: &str| fs::read(modules.join(name)).is_ok_and(|found| found == wanted);
    if installed(".build.json") || installed(".all.json") {
        return Ok(());
    }
    // npm gets a cache of its own, because the user that builds may have no home directory.
    let cache = out.join("npm");
    let mut npm = tools::program("npm");
    // `ci` installs exactly what the lock file names. Scripts of packages would run with the rights of the user that
    // builds.
    npm.args(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--cache"]);
    tools::run(
        npm.arg(&cache).current_dir(web),
        "npm could not install what crates/console/web/package-lock.json names (its messages are above); it needs the npm registry, \
         and to write to crates/console/web/node_modules",
    )?;
    // The cache is not needed any more; if removing it fails, it only takes space.
    let _ = fs::remove_dir_all(&cache);
    fs::write(modules.join(".build.json"), wanted).map_err(|error| format!("cannot write to node_modules: {error}"))
}
