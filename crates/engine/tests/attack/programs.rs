//! Compiles the attacks in C, once for all tests that need them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// All source files. The first one is a header and is not compiled itself.
const SOURCES: &[(&str, &str)] = &[
    ("attack.h", include_str!("programs/attack.h")),
    ("connects.c", include_str!("programs/connects.c")),
    ("counters.c", include_str!("programs/counters.c")),
    ("files.c", include_str!("programs/files.c")),
    ("kernel.c", include_str!("programs/kernel.c")),
    ("lingers.c", include_str!("programs/lingers.c")),
    ("main.c", include_str!("programs/main.c")),
    ("memory.c", include_str!("programs/memory.c")),
    ("options.c", include_str!("programs/options.c")),
    ("outputs.c", include_str!("programs/outputs.c")),
    ("processes.c", include_str!("programs/processes.c")),
];

/// All attacks, as a program, and as a library that attacks from within the process that loads it.
pub(crate) struct Programs {
    pub(crate) attacker: Vec<u8>,
    pub(crate) library: Vec<u8>,
}

/// Compiles the attacks, unless the same sources were compiled before.
pub(crate) fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        SOURCES.hash(&mut hasher);
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("attacks-{:016x}", hasher.finish()));
        if !directory.exists() {
            compile(&directory);
        }
        let read = |name: &str| std::fs::read(directory.join(name)).unwrap();
        Programs { attacker: read("attacker"), library: read("attacker.so") }
    })
}

/// Compiles into a directory that appears when it is complete, because several tests may do so at the same time.
fn compile(directory: &Path) {
    let parent = directory.parent().unwrap();
    let making = tempfile::tempdir_in(parent).unwrap();
    let units = SOURCES.iter().map(|(name, text)| {
        std::fs::write(making.path().join(name), text).unwrap();
        *name
    });
    let units: Vec<&str> = units.filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "c")).collect();
    for (output, options) in [("attacker", &[][..]), ("attacker.so", &["-shared", "-fPIC", "-DLIBRARY"])] {
        let status = Command::new("cc")
            .args(["-O1", "-pthread", "-w", "-o", output])
            .args(options)
            .args(&units)
            .current_dir(making.path())
            .status()
            .expect("a C compiler is needed for the attacks");
        assert!(status.success(), "{output} cannot be compiled");
    }
    let made: PathBuf = making.keep();
    if std::fs::rename(&made, directory).is_err() {
        // Another test was faster.
        std::fs::remove_dir_all(made).unwrap();
    }
}
