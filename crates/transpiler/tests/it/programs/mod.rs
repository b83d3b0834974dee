//! Programs do what they do when tsc compiles them and Node.js runs them, as it is written down beside them. `./just compare`
//! asks tsc and Node.js again; see `tests/compare/README.md`.

mod each;

use std::process::{Command, Output};

use crate::support::node;

#[test]
fn every_program_does_what_is_expected_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let tool = |mode: &str| -> Output {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compare/tool/main.mjs");
        Command::new(node()).arg(script).arg(mode).arg(directory.path()).output().expect("Node.js runs")
    };
    let laid_out = tool("sources");
    assert!(laid_out.status.success(), "{}", String::from_utf8_lossy(&laid_out.stderr));
    each::compile(directory.path()).unwrap();
    let compared = tool("expected");
    let report = [compared.stdout, compared.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(compared.status.success(), "{report}");
}
