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
use workers_transpiler::{Diagnostic, SourceFile, TranspileOptions, TranspileOutput, WorkerScript, transpile};

/// The token of framed runs.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Compiles as `worker.ts`.
pub(crate) fn compile(code: &str) -> TranspileOutput {
    transpile(&SourceFile { name: "worker.ts", code }, &TranspileOptions::default())
}

/// The script of a bundle that has to compile.
pub(crate) fn script(code: &str) -> WorkerScript {
    let output = compile(code);
    output.script.unwrap_or_else(|| panic!("it does not compile: {:#?}", output.diagnostics))
}

/// The one mistake of a bundle that must not compile.
pub(crate) fn mistake(code: &str) -> Diagnostic {
    let output = compile(code);
    assert_eq!(output.script, None);
    assert_eq!(output.diagnostics.len(), 1, "{:#?}", output.diagnostics);
    output.diagnostics.into_iter().next().expect("there is one")
}

/// The Node.js to run with.
pub(crate) fn node() -> OsString {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node/bin/node");
    env::var_os("WORKERS_NODE")
        .or_else(|| installed.exists().then(|| installed.into_os_string()))
        .unwrap_or_else(|| "node".into())
}

/// A compiled bundle on disk, in a directory of the build: several tests share one, so none of them could remove it at
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
        // In one step, for another process may be reading it.
        let written = directory.join(format!("{}.mjs", std::process::id()));
        let path = directory.join("worker.mjs");
        fs::write(&written, script).and_then(|()| fs::rename(&written, &path)).expect("there is room");
        Self { path }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// A command that runs a function.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(node());
        command.arg(self.path()).args(arguments).env_remove("WORKERS_FRAME").env_remove("NODE_OPTIONS");
        command
    }

    /// Runs a function by hand.
    pub(crate) fn plain(&self, function: &str, payload: &str) -> Plain {
        Plain::from(self.command(&[function, payload]).output().expect("Node.js runs"))
    }

    /// Runs a function as the platform does.
    pub(crate) fn framed(&self, function: &str, payload: &str) -> Framed {
        let output = self.command(&[function, payload]).env("WORKERS_FRAME", TOKEN).output().expect("Node.js runs");
        Framed::decode(&output)
    }

    /// Runs a function as the platform does, with an option of Node.js and a limit for the result.
    pub(crate) fn limited(&self, option: &str, limit: usize, arguments: &[&str]) -> Framed {
        let mut command = Command::new(node());
        command.arg(option).arg(self.path()).args(arguments).env_remove("NODE_OPTIONS");
        command.env("WORKERS_FRAME", TOKEN).env("WORKERS_RESULT_LIMIT", limit.to_string());
        Framed::decode(&command.output().expect("Node.js runs"))
    }

    /// What a function returns.
    pub(crate) fn result(&self, function: &str) -> Value {
        let run = self.framed(function, "{}");
        assert_eq!(run.meta["code"], "ok", "{}", run.json);
        run.value()
    }
}

/// A run by hand.
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

/// A run in framed mode, decoded as PROTOCOL.md says.
pub(crate) struct Framed {
    /// What was printed: `O` or `E` and the text, in order; `raw` for bytes outside frames.
    pub(crate) printed: Vec<(String, String)>,
    pub(crate) meta: Value,
    pub(crate) json: String,
    pub(crate) exit_code: Option<i32>,
}

impl Framed {
    fn decode(output: &Output) -> Self {
        let text = String::from_utf8(output.stdout.clone()).expect("it is text");
        let mark = format!("\u{1e}{TOKEN}");
        let (mut printed, mut outcome, mut parts) = (Vec::new(), None, String::new());
        let mut pieces = text.split(mark.as_str());
        let raw = pieces.next().unwrap_or_default();
        assert_eq!(raw, "", "the first frame says that the harness runs");
        for (index, piece) in pieces.enumerate() {
            assert!(outcome.is_none(), "the outcome is the last frame");
            let (frame, after) = piece.split_once('\n').expect("a frame is a line");
            assert!(mark.len() + frame.len() < 4096, "a frame is written in one piece");
            let (kind, body) = frame.split_at(1);
            assert_eq!(kind == "S", index == 0);
            match kind {
                "S" => assert_eq!(body, ""),
                "O" | "E" => {
                    let (time, text) = body.split_once(':').expect("a chunk has a time");
                    assert!(time.parse::<u64>().expect("milliseconds") > 1_700_000_000_000);
                    printed.push((kind.to_owned(), serde_json::from_str(text).expect("a JSON string")));
                }
                "r" => parts.push_str(body),
                "R" => {
                    parts.push_str(body);
                    let (meta, record) = parts.split_once('\u{1f}').expect("meta and record");
                    let json = record
                        .strip_prefix("__RESULT__")
                        .expect("a record")
                        .strip_suffix("__END_RESULT__")
                        .expect("all of it");
                    outcome = Some((serde_json::from_str(meta).expect("meta is JSON"), json.to_owned()));
                }
                other => panic!("unknown frame {other:?}"),
            }
            if !after.is_empty() {
                printed.push(("raw".to_owned(), after.to_owned()));
            }
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let (meta, json) = outcome.unwrap_or_else(|| panic!("no outcome: {text}\n{stderr}"));
        Self { printed, meta, json, exit_code: output.status.code() }
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.json).expect("the record is JSON")
    }

    /// Everything printed to standard output.
    pub(crate) fn stdout(&self) -> String {
        self.printed.iter().filter(|(kind, _)| kind == "O").map(|(_, text)| text.as_str()).collect()
    }

    /// The code of the outcome.
    pub(crate) fn code(&self) -> &str {
        self.meta["code"].as_str().expect("every outcome has a code")
    }
}
