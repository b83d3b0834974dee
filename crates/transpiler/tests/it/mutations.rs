//! Damaged bundles: checks the properties of the fuzz target on a few thousand inputs, which are the same in every run.

use std::{env, fs, path::Path, process::Command};

use workers_transpiler::{SourceFile, TranspileError, TranspileOptions, transpile};

use crate::support::node;

fn fixtures() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<_> =
        fs::read_dir(directory).expect("fixtures").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "snap"));
    files.sort();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read_to_string(path).expect("text"))).collect()
}

/// A small pseudo-random generator, so that every run damages the same bytes.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let limit = u64::try_from(limit.max(1)).expect("a small number");
        usize::try_from(self.0 % limit).expect("a small number")
    }
}

const SPLICES: &[&str] = &[
    "export ",
    "default ",
    "{",
    "}",
    "(",
    ")",
    "[",
    "`",
    "${",
    "/*",
    "//",
    "'",
    "\"",
    "<",
    ">",
    "@",
    "#",
    "await ",
    "using x = 1;",
    "import ",
    " from ",
    "\n",
    "\u{2028}",
    "\u{feff}",
    "😀",
    "\\u0024",
    "async ",
    "function* ",
    "class ",
    "enum ",
    "namespace N ",
    "=>",
    "...",
    ": T",
    " as ",
    "declare ",
    "/",
    "\0",
];

fn damage(code: &str, fixtures: &[(String, String)], numbers: &mut Numbers) -> String {
    let mut symbols: Vec<char> = code.chars().collect();
    for _ in 0..=numbers.below(4) {
        let place = numbers.below(symbols.len() + 1);
        match numbers.below(5) {
            0 => symbols.truncate(place),
            1 => drop(symbols.drain(place..(place + numbers.below(12)).min(symbols.len()))),
            2 => {
                let other: Vec<char> = fixtures[numbers.below(fixtures.len())].1.chars().collect();
                let from = numbers.below(other.len() + 1);
                let piece = other[from..(from + numbers.below(40)).min(other.len())].to_vec();
                symbols.splice(place..place, piece);
            }
            3 => symbols.extend(fixtures[numbers.below(fixtures.len())].1.chars()),
            _ => drop(symbols.splice(place..place, SPLICES[numbers.below(SPLICES.len())].chars())),
        }
    }
    symbols.into_iter().collect()
}

#[test]
fn a_damaged_bundle_gives_diagnostics_or_a_script_that_node_accepts() {
    let fixtures = fixtures();
    let mut numbers = Numbers(env::var("WORKERS_SEED").map_or(0x9E37_79B9_7F4A_7C15, |seed| seed.parse().unwrap()));
    let directory = tempfile::tempdir().unwrap();
    for round in 0..env::var("WORKERS_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap()) {
        for (name, code) in &fixtures {
            let damaged = damage(code, &fixtures, &mut numbers);
            let output = transpile(&SourceFile { name, code: &damaged }, &TranspileOptions::default());
            let is_ours = matches!(output, Err(TranspileError::Internal(_)));
            assert!(!is_ours, "{round} {name}: {damaged}");
            if let Ok(script) = output {
                fs::write(directory.path().join(format!("{round} {name}.mjs")), script.code).unwrap();
            }
        }
    }
    assert_eq!(refused(directory.path()), "");
}

#[test]
fn node_accepts_every_fixture() {
    let directory = tempfile::tempdir().unwrap();
    for (name, code) in fixtures() {
        if let Ok(script) = transpile(&SourceFile { name: &name, code: &code }, &TranspileOptions::default()) {
            fs::write(directory.path().join(format!("{name}.mjs")), script.code).unwrap();
        }
    }
    assert_eq!(refused(directory.path()), "");
}

/// Returns which scripts in a directory are not valid modules, and why.
fn refused(directory: &Path) -> String {
    let check = "const fs = require('fs'), vm = require('vm');
        for (const name of fs.readdirSync(process.argv[1])) {
          const text = fs.readFileSync(process.argv[1] + '/' + name, 'utf8');
          try { new vm.SourceTextModule(text) } catch (error) { console.log(name, error.message, text.slice(text.indexOf('(async()=>{'), -10)) }
        }";
    let arguments = ["--experimental-vm-modules", "--no-warnings", "-e", check];
    let output = Command::new(node()).args(arguments).arg(directory).output().expect("Node.js runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}
