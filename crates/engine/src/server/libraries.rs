//! The shared libraries that a program loads.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fault::named;

/// Returns a program's loader and the libraries that it loads, as the loader itself lists them. A static program has
/// none.
pub(super) fn libraries(program: &Path) -> io::Result<Vec<PathBuf>> {
    // With this variable the loader lists what it would load and exits.
    // Without the server's environment: `LD_LIBRARY_PATH` and the like are not set in sandboxes.
    let output = Command::new(program).env_clear().env("LD_TRACE_LOADED_OBJECTS", "1").output();
    let output = output.map_err(|error| named(program.display(), error))?;
    if !output.status.success() {
        return Ok(Vec::new());
    }
    parse_libraries(&String::from_utf8_lossy(&output.stdout)).map_err(|error| named(program.display(), error))
}

fn parse_libraries(listed: &str) -> io::Result<Vec<PathBuf>> {
    let path = |line: &str| {
        let line = line.trim();
        let named = line.split_once(" => ").map_or(line, |(_, path)| path);
        if named.starts_with("not found") {
            return Some(Err(io::Error::other(format!("a library is missing: {line}"))));
        }
        // What has no path, as `linux-vdso`, comes from the kernel.
        let path = named.split(" (").next().filter(|path| path.starts_with('/'))?;
        Some(Ok(PathBuf::from(path)))
    };
    listed.lines().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_loader_are_found_and_what_is_missing_is_an_error() {
        let listed =
            "\tlinux-vdso.so.1 (0x7ffd)\n\tlibm.so.6 => /lib/libm.so.6 (0x7f0)\n\t/lib64/ld-linux.so.2 (0x7f1)\n";
        let expected: Vec<PathBuf> = vec!["/lib/libm.so.6".into(), "/lib64/ld-linux.so.2".into()];
        assert_eq!(parse_libraries(listed).unwrap(), expected);
        assert!(parse_libraries("libx.so => not found\n").unwrap_err().to_string().contains("libx.so"));
    }
}
