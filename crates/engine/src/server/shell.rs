//! The shell that sandboxes get, which is the host's: programs that run commands through `/bin/sh` (`exec`, `execSync`)
//! need one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::libraries::libraries;
use crate::fault::named;

/// The path of the shell in a sandbox's root. `/bin` is a link to `/usr/bin`, so it is also `/bin/sh`, and `sh` on
/// `PATH`.
pub(crate) const PATH_IN_ROOT: &str = "usr/bin/sh";

/// The first bytes of a program's file.
const ELF: &[u8] = b"\x7fELF";

/// A shell, in memory, so that it does not change when the host's shell is replaced while the engine runs.
#[derive(Debug)]
pub(crate) struct Shell {
    /// Paths below the root, and contents: of the program, and of those of its libraries that node does not load.
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Shell {
    /// Reads the shell at a path of the host, and the libraries that it loads and `node` does not.
    ///
    /// # Errors
    ///
    /// When it does not exist, is not a program, or lacks a library.
    pub(crate) fn read(path: &Path, node: &Path) -> io::Result<Self> {
        let read = |path: &Path| fs::read(path).map_err(|error| named(path.display(), error));
        let program = read(path)?;
        // A script would also need its interpreter, and the loader would list the interpreter's libraries.
        if !program.starts_with(ELF) {
            return Err(named(path.display(), io::Error::other("it is no program of this system")));
        }
        let of_node = libraries(node)?;
        let mut files = vec![(PathBuf::from(PATH_IN_ROOT), program)];
        for library in libraries(path)?.into_iter().filter(|library| !of_node.contains(library)) {
            let content = read(&library)?;
            files.push((library.strip_prefix("/").unwrap_or(&library).to_path_buf(), content));
        }
        Ok(Self { files })
    }

    /// Returns its files: paths below the root, and contents.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.files.iter().map(|(path, content)| (path.as_path(), content.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Returns a program with a library that few other programs load, if the host has one.
    fn program_with_libraries() -> Option<(PathBuf, Vec<PathBuf>)> {
        let programs = ["/bin/bash", "/usr/bin/ls", "/usr/bin/grep"].map(PathBuf::from);
        let beyond = |program: &Path| -> Vec<PathBuf> {
            let plain = libraries(Path::new("/bin/true")).unwrap();
            libraries(program).unwrap_or_default().into_iter().filter(|library| !plain.contains(library)).collect()
        };
        programs
            .into_iter()
            .map(|program| (beyond(&program), program))
            .find_map(|(more, program)| (!more.is_empty()).then_some((program, more)))
    }

    #[test]
    fn a_shell_brings_the_libraries_that_node_does_not_need() {
        let alone = Shell::read(Path::new("/bin/true"), Path::new("/bin/true")).unwrap();
        assert_eq!(alone.files().map(|(path, _)| path).collect::<Vec<_>>(), [Path::new(PATH_IN_ROOT)]);
        let Some((program, more)) = program_with_libraries() else { return };
        let shell = Shell::read(&program, Path::new("/bin/true")).unwrap();
        let mut files = shell.files();
        assert_eq!(files.next().unwrap(), (Path::new(PATH_IN_ROOT), fs::read(&program).unwrap().as_slice()));
        for library in more {
            let expected = (library.strip_prefix("/").unwrap(), fs::read(&library).unwrap());
            assert_eq!(files.next().unwrap(), (expected.0, expected.1.as_slice()));
        }
        assert_eq!(files.next(), None);
    }

    #[test]
    fn what_is_missing_a_directory_a_script_or_closed_is_no_shell() {
        let directory = tempfile::tempdir().unwrap();
        let (script, closed) = (directory.path().join("script"), directory.path().join("closed"));
        fs::write(&script, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy("/bin/true", &closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o444)).unwrap();
        for path in [&directory.path().join("none"), directory.path(), &script, &closed] {
            let error = Shell::read(path, Path::new("/bin/true")).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
    }
}
