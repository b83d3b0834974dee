//! Builds the files that all sandboxes share: at the start, and again when they are broken.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::data_dir::DataDir;
use super::preload::Preload;
use super::shell::Shell;
use super::{node, runtime, template};
use crate::fault::named;
use crate::message::{Runtime, TemplateBudget, TemplateSetup};
use crate::options::{EngineOptions, Isolation, Templates};

/// Builds the files that all sandboxes share. Their sources are kept open or in memory, so that they stay the same
/// when they are replaced on the disk.
pub(crate) struct SharedFilesBuilder {
    directories: Directories,
    options: EngineOptions,
    /// The program that the operator has configured.
    given: File,
    node: PathBuf,
    is_copied: bool,
    library: Option<Cow<'static, [u8]>>,
    preload: Preload,
    shell: Option<Shell>,
}

struct Directories {
    node: PathBuf,
    runtime: PathBuf,
    template: PathBuf,
}

/// The files that were built.
pub(crate) struct BuiltFiles {
    /// The program that sandboxes run.
    pub(crate) node: PathBuf,
    /// Their root; `None` without isolation.
    pub(crate) runtime: Option<Runtime>,
    /// The files of templates; `None` where there are no templates.
    pub(crate) templates: Option<TemplateSetup>,
}

impl SharedFilesBuilder {
    /// Finds the sources, and makes everything.
    ///
    /// # Errors
    ///
    /// When the node program cannot be used, or the root cannot be made. If templates or our own copy of node cannot be
    /// made, it goes on without them, and logs that.
    pub(crate) fn build(
        options: EngineOptions,
        data_dir: &DataDir,
        preload: &Preload,
    ) -> io::Result<(Self, BuiltFiles)> {
        let node = find_program(&options.node)?;
        let given = File::open(&node).map_err(|error| named(node.display(), error))?;
        let directories =
            Directories { node: data_dir.node(), runtime: data_dir.runtime(), template: data_dir.template() };
        let library = wants_templates(&options).then(|| template::library(&options)).and_then(|library| {
            let lack = |error: &io::Error| {
                tracing::warn!(error = %error, "there are no templates: every command starts its own node, which takes longer");
            };
            library.inspect_err(lack).ok()
        });
        let shell = find_shell(&options, &node);
        let mut builder =
            Self { directories, options, given, node, is_copied: false, library, preload: preload.clone(), shell };
        if builder.options.copy_node {
            match node::copy(&builder.node, &builder.directories.node) {
                Ok(copy) => (builder.node, builder.is_copied) = (copy, true),
                Err(error) => {
                    tracing::warn!(error = %error, "node runs from where it is, which takes a little longer");
                }
            }
        }
        let (runtime, templates) = (builder.make_runtime()?, builder.make_templates()?);
        // Only at the start, when no sandbox runs from the old root.
        runtime::remove_old(&builder.directories.runtime)?;
        let made = BuiltFiles { node: builder.node.clone(), runtime, templates };
        Ok((builder, made))
    }

    /// Makes one of the trees again, and those that are made from it.
    ///
    /// # Errors
    ///
    /// When something cannot be made.
    pub(crate) fn rebuild(&self, tree: &Path) -> io::Result<Vec<PathBuf>> {
        if tree == self.directories.template {
            self.make_templates()?;
            return Ok(vec![self.directories.template.clone()]);
        }
        let is_node = tree == self.node;
        if is_node && self.is_copied {
            // Opened through the descriptor, because the file may have another name by now.
            let given = format!("/proc/self/fd/{}", self.given.as_raw_fd());
            node::copy(Path::new(&given), &self.directories.node)?;
        }
        // After the program, too, because the root has a hard link to it.
        self.make_runtime()?;
        let made = [is_node.then(|| self.node.clone()), self.is_isolated().then(|| self.directories.runtime.clone())];
        Ok(made.into_iter().flatten().collect())
    }

    /// Returns the trees that were made, and the node program.
    pub(crate) fn trees(&self) -> Vec<PathBuf> {
        let mut trees = vec![self.node.clone()];
        if self.is_isolated() {
            trees.push(self.directories.runtime.clone());
            trees.extend(self.library.as_ref().map(|_| self.directories.template.clone()));
        }
        trees
    }

    fn is_isolated(&self) -> bool {
        self.options.isolation == Isolation::Full
    }

    fn make_runtime(&self) -> io::Result<Option<Runtime>> {
        self.is_isolated()
            .then(|| runtime::make(&self.directories.runtime, &self.node, self.shell.as_ref()))
            .transpose()
    }

    fn make_templates(&self) -> io::Result<Option<TemplateSetup>> {
        let budget = match self.options.templates {
            Templates::PerContent { most, memory_bytes } => Some(TemplateBudget { max_templates: most, memory_bytes }),
            Templates::None | Templates::Shared => None,
        };
        let preload = self.preload.get();
        let max_forks = self.options.template_forks;
        let make = |library| template::make(&self.directories.template, library, preload.as_ref(), max_forks, budget);
        self.library.as_deref().filter(|_| self.is_isolated()).map(make).transpose()
    }
}

fn wants_templates(options: &EngineOptions) -> bool {
    options.isolation == Isolation::Full && options.templates != Templates::None
}

/// Reads the shell that sandboxes get. Without one they run nevertheless, because few workers need it.
fn find_shell(options: &EngineOptions, node: &Path) -> Option<Shell> {
    let path = options.shell.as_deref().filter(|_| options.isolation == Isolation::Full)?;
    let lack = |error: &io::Error| tracing::info!(error = %error, "there is no shell in sandboxes");
    Shell::read(path, node).inspect_err(lack).ok()
}

/// Returns the path of the program without links in it, after checking that it is an executable file.
fn find_program(path: &Path) -> io::Result<PathBuf> {
    let at = |error| named(format_args!("the node program {}", path.display()), error);
    let program = path.canonicalize().map_err(at)?;
    let found = program.metadata().map_err(at)?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err(at(io::Error::other("it is no file that can be executed")));
    }
    Ok(program)
}
