use std::path::Path;
use std::process::Command;

/// Compiles a program in C and returns it.
///
/// # Panics
///
/// When the machine has no C compiler, or the source has a mistake.
#[must_use]
pub fn compile_native(source: &Path) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = directory.path().join("native");
    let done = Command::new("cc").args(["-O1", "-o"]).arg(&program).arg(source).output();
    let done = done.expect("a C compiler");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(program).expect("the program that was compiled")
}
