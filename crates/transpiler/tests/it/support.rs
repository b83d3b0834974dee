//! Compiles bundles and runs the scripts.

use std::{
    env,
    ffi::OsString,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use workers_protocol::{
    Decoder, MAX_FRAME, OutcomeFrame, OutputStream, Piece, RESULT_LIMIT_VARIABLE, SEPARATOR, TOKEN_VARIABLE,
};
use workers_transpiler::{Diagnostic, SourceFile, TranspileError, TranspileOptions, WorkerScript, transpile};

/// The token of framed runs.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Compiles a bundle as `worker.ts`.
pub(crate) fn compile(code: &str) -> Result<WorkerScript, TranspileError> {
    transpile(&SourceFile { name: "worker.ts", code }, &TranspileOptions::default())
}

/// Compiles a bundle that must be valid.
pub(crate) fn script(code: &str) -> WorkerScript {
    compile(code).unwrap_or_else(|error| panic!("it does not compile: {error:#?}"))
}

/// Returns the only error of a bundle that must not compile.
pub(crate) fn mistake(code: &str) -> Diagnostic {
    let error = compile(code).expect_err("it has a mistake");
    let TranspileError::Rejected(rejection) = error else { panic!("{error}") };
    let [mistake] = <[_; 1]>::try_from(rejection.into_diagnostics()).expect("there is one");
    mistake
}

/// Returns the path of the Node.js to run with.
pub(crate) fn node() -> OsString {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node/bin/node");
    env::var_os("WORKERS_NODE")
        .or_else(|| installed.exists().then(|| installed.into_os_string()))
        .unwrap_or_else(|| "node".into())
}

/// A compiled bundle on disk, in a directory of the build. Several tests share one, so none of them can remove it at
/// its end.
pub(crate) struct Worker {
    path: PathBuf,
}

impl Worker {
    pub(crate) fn new(code: &str) -> Self {
        Self::of_script(&script(code))
    }

    pub(crate) fn of_script(script: &WorkerScript) -> Self {
        let script = &script.code;
        let mut hasher = DefaultHasher::new();
        script.hash(&mut hasher);
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("worker-{:016x}", hasher.finish()));
        fs::create_dir_all(&directory).expect("there is room");
        // Replace the file in one step, because another process may be reading it.
        let written = directory.join(format!("{}.mjs", std::process::id()));
        let path = directory.join("worker.mjs");
        fs::write(&written, script).and_then(|()| fs::rename(&written, &path)).expect("there is room");
        Self { path }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Returns a command that runs a function.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(node());
        command.arg(self.path()).args(arguments).env_remove(TOKEN_VARIABLE).env_remove("NODE_OPTIONS");
        command
    }

    /// Runs a function by hand.
    pub(crate) fn plain(&self, function: &str, payload: &str) -> Plain {
        Plain::from(self.command(&[function, payload]).output().expect("Node.js runs"))
    }

    /// Runs a function like the platform does.
    pub(crate) fn framed(&self, function: &str, payload: &str) -> Framed {
        let output = self.command(&[function, payload]).env(TOKEN_VARIABLE, TOKEN).output().expect("Node.js runs");
        Framed::decode(&output)
    }

    /// Runs a function like the platform does, with an option of Node.js and a limit for the result.
    pub(crate) fn limited(&self, option: &str, limit: usize, arguments: &[&str]) -> Framed {
        let mut command = Command::new(node());
        command.arg(option).arg(self.path()).args(arguments).env_remove("NODE_OPTIONS");
        command.env(TOKEN_VARIABLE, TOKEN).env(RESULT_LIMIT_VARIABLE, limit.to_string());
        Framed::decode(&command.output().expect("Node.js runs"))
    }

    /// Returns the result of a function, which must succeed.
    pub(crate) fn result(&self, function: &str) -> Value {
        let run = self.framed(function, "{}");
        assert_eq!(run.meta["code"], "ok", "{}", run.json);
        run.value()
    }
}

/// The output of a run by hand.
pub(crate) struct Plain {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit_code: Option<i32>,
}

impl From<Output> for Plain {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).expect("it is text"),
            stderr: String::from_utf8(output.stderr).expect("it is text"),
            exit_code: output.status.code(),
        }
    }
}

/// The output of a run in framed mode, decoded as PROTOCOL.md says.
pub(crate) struct Framed {
    /// What was printed, in order: `O` or `E` with the text; `raw` for bytes outside of frames.
    pub(crate) printed: Vec<(String, String)>,
    pub(crate) meta: Value,
    pub(crate) json: String,
    pub(crate) exit_code: Option<i32>,
}

impl Framed {
    fn decode(output: &Output) -> Self {
        check_frames(&output.stdout);
        let mut pieces = Vec::new();
        let mut decoder = Decoder::new(TOKEN, output.stdout.len());
        decoder.push(&output.stdout, |piece| pieces.push(piece));
        decoder.finish(|piece| pieces.push(piece));
        let (mut printed, mut outcome) = (Vec::new(), None);
        for (index, piece) in pieces.into_iter().enumerate() {
            assert_eq!(piece == Piece::Started, index == 0, "the first frame says that the harness runs");
            assert!(outcome.is_none() || matches!(piece, Piece::Raw(_)), "the outcome is the last frame");
            match piece {
                Piece::Started => {}
                Piece::Raw(bytes) => printed.push(("raw".to_owned(), String::from_utf8(bytes).expect("it is text"))),
                Piece::Chunk { stream, at_millis, text } => {
                    assert!(at_millis > 1_700_000_000_000, "milliseconds");
                    let kind = if stream == OutputStream::Stdout { "O" } else { "E" };
                    printed.push((kind.to_owned(), text));
                }
                Piece::Outcome(frame) => outcome = Some(frame),
                Piece::Unreadable => panic!("the outcome cannot be read"),
            }
        }
        let text = || String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let OutcomeFrame { meta, json } = outcome.unwrap_or_else(|| panic!("no outcome: {}", text()));
        let meta = serde_json::to_value(meta).expect("meta is JSON");
        Self { printed, meta, json, exit_code: output.status.code() }
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.json).expect("the record is JSON")
    }

    /// Returns everything printed to standard output.
    pub(crate) fn stdout(&self) -> String {
        self.printed.iter().filter(|(kind, _)| kind == "O").map(|(_, text)| text.as_str()).collect()
    }

    /// Returns the code of the outcome.
    pub(crate) fn code(&self) -> &str {
        self.meta["code"].as_str().expect("every outcome has a code")
    }
}

/// Checks that every frame is one that a harness writes: a known kind, in one piece. A decoder also accepts longer
/// ones, and skips invalid ones.
fn check_frames(stdout: &[u8]) {
    let mark = [&[SEPARATOR], TOKEN.as_bytes()].concat();
    let begins = (0..stdout.len()).filter(|begin| stdout[*begin..].starts_with(&mark));
    for begin in begins {
        let frame = &stdout[begin..];
        let length = frame.iter().position(|byte| *byte == b'\n').expect("a frame is a line") + 1;
        assert!(length <= MAX_FRAME, "a frame is written in one piece");
        assert!(b"SOErR".contains(&frame[mark.len()]), "unknown frame {:?}", char::from(frame[mark.len()]));
    }
}
