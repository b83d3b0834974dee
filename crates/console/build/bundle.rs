//! Builds the console's files from their sources.

use std::fs::File;
use std::path::Path;

use crate::{packages, tools};

/// Builds `web` to `out/dist`.
pub(crate) fn build(web: &Path, out: &Path) -> Result<(), String> {
    tools::check_node()?;
    // Two concurrent builds share the packages: one must not replace what the other one reads.
    let lock = File::open(web.join("package-lock.json")).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|error| format!("cannot lock its packages: {error}"))?;
    packages::install(web, out)?;
    let mut vite = tools::program("node");
    vite.args(["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn", "--emptyOutDir", "--outDir"]);
    let vite = vite.arg(out.join("dist")).current_dir(web).env("NODE_ENV", "production");
    tools::run(vite, "Vite could not build crates/console/web (its messages are above)")
}
