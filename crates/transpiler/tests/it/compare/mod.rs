//! Programs have the same output as when tsc compiles them and Node.js runs them; the expected output is stored beside
//! each. `./just compare` generates the expected output again; see `tests/compare/README.md`.

mod each;

use std::{fs, path::Path, process::Command};

use crate::support::node;

/// Runs the programs of one area, such as `compare/enums`.
fn check(area: &str) {
    let directory = tempfile::tempdir().expect("there is room");
    let tool = |mode: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compare/tool/main.mjs");
        let mut command = Command::new(node());
        let output = command.args([script, mode]).arg(directory.path()).arg(format!("{area}/")).output();
        let output = output.expect("Node.js runs");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "{said}");
    };
    tool("sources");
    each::compile(directory.path()).expect("there is room");
    tool("expected");
}

/// Defines a test for each area, because together they take longer than a test may.
macro_rules! areas {
    ($($folder:ident: $($area:ident)*;)*) => {
        mod run_as_with_tsc {
            $(mod $folder {
                $(#[test]
                fn $area() {
                    super::super::check(concat!(stringify!($folder), "/", stringify!($area)));
                })*
            })*
        }

        /// Every area that has a test.
        const AREAS: &[&str] = &[$($(concat!(stringify!($folder), "/", stringify!($area)),)*)*];
    };
}

areas! {
    compare: builtins classes enums errors functions inheritance iteration javascript jsx language modules namespaces
        node parentheses printing promises refused syntax types using;
}

#[test]
fn every_area_has_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for folder in ["compare", "programs", "decorators"] {
        for file in fs::read_dir(tests.join(folder)).into_iter().flatten() {
            let path = file.unwrap().path();
            let extension = path.extension().unwrap_or_default();
            if ["ts", "tsx", "js", "jsx"].iter().any(|known| extension == *known) {
                let area = format!("{folder}/{}", path.file_stem().unwrap().to_string_lossy());
                assert!(AREAS.contains(&area.as_str()), "{area} has no test");
            }
        }
    }
}
