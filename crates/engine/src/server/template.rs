//! The files that templates are made of.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use workers_domain::ports::NodePreload;
use workers_private_files::{make_directory, replace_file};

use crate::data_dir_root::remove;
use crate::fault::named;
use crate::message::{TemplateBudget, TemplateSetup};
use crate::options::{EngineOptions, TemplateLibrary};

/// The script that a template runs.
const SCRIPT: &str = include_str!("../../js/template.cjs");

/// The module that a template imports once, so that its children find the module loader warm.
const WARM_MODULE: &str = include_str!("../../js/warm.mjs");

/// The module that a template loads if the platform has not set a [`NodePreload`].
const NOTHING_AHEAD: &str = "exports.warm = async () => {}; exports.prepare = () => {};";

/// The file name of the library, as cargo builds it.
const LIBRARY: &str = "libworkers_engine_template.so";

/// Returns the content of the library.
///
/// # Errors
///
/// When the file cannot be read.
pub(crate) fn library(options: &EngineOptions) -> io::Result<Cow<'static, [u8]>> {
    match options.template_library {
        TemplateLibrary::Beside => {
            let path = find_library()?;
            fs::read(&path).map(Cow::Owned).map_err(|error| named(path.display(), error))
        }
        TemplateLibrary::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
    }
}

/// Writes the files. The library is copied, too, so that replacing it on the disk does not change what runs.
///
/// # Errors
///
/// When the directory cannot be written.
pub(crate) fn make(
    directory: &Path,
    library: &[u8],
    preload: Option<&NodePreload>,
    max_forks: u32,
    budget: Option<TemplateBudget>,
) -> io::Result<TemplateSetup> {
    remove(directory)?;
    make_directory(directory)?;
    let (library_copy, script) = (directory.join("template.so"), directory.join("template.cjs"));
    replace_file(&library_copy, library)?;
    replace_file(&script, SCRIPT.as_bytes())?;
    replace_file(&directory.join("warm.mjs"), WARM_MODULE.as_bytes())?;
    let module = directory.join("prepare.cjs");
    replace_file(&module, preload.map_or(NOTHING_AHEAD, |preload| &preload.module).as_bytes())?;
    let text = |path: PathBuf| path.into_os_string().into_string().map_err(|_| io::Error::other("a path is not UTF-8"));
    Ok(TemplateSetup { library: text(library_copy)?, script: text(script)?, module: text(module)?, budget, max_forks })
}

fn find_library() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let directory = program.parent().unwrap_or(Path::new("/"));
    // Cargo puts tests into `deps` and examples into `examples`, and the library above these or into `deps`.
    let candidates = ["", "deps", "../deps", ".."].map(|below| directory.join(below).join(LIBRARY));
    candidates
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| io::Error::other(format!("{LIBRARY} is not beside {}", program.display())))
}
