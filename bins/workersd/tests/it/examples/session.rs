//! Runs the shell blocks of a page, one after the other in one shell, and compares their output with what the page
//! shows.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::answers::assert_printed;
use crate::support::document::Block;
use crate::support::local::TestServer;

/// The address in the pages' examples.
const DOCUMENTED: &str = "http://127.0.0.1:3000";

fn is_answer(block: &Block) -> bool {
    block.language != "sh"
}

/// Returns whether the first block of a page is the output of a command, with no command before it.
pub(super) fn starts_with_an_answer(blocks: &[Block]) -> bool {
    blocks.first().is_some_and(|block| ["json", "http", "text"].contains(&block.language.as_str()))
}

/// Runs the commands in an empty directory, against a server of their own. A block in another language than `sh` is the
/// output of the commands before it.
pub(super) fn try_in_one_shell(blocks: &[Block]) {
    for program in ["curl", "jq"] {
        assert!(is_installed(program), "{program} is not installed: `./just setup-test` does it");
    }
    let server = TestServer::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let tools = folder.path().join(".tools/node/bin");
    std::fs::create_dir_all(&tools).unwrap();
    std::os::unix::fs::symlink(node(), tools.join("node")).unwrap();
    // The braces group the commands but keep them in one shell, so that later blocks see what earlier ones define.
    let mut script = String::new();
    for (index, block) in blocks.iter().enumerate().filter(|(_, block)| !is_answer(block)) {
        let commands = block.text.replace(DOCUMENTED, &server.url);
        writeln!(script, "{{\n{commands}}} >said.{index}").unwrap();
    }
    // A proxy of this host would not reach the server.
    let output = Command::new("sh")
        .args(["-e", "-c", &script])
        .current_dir(folder.path())
        .env("no_proxy", "*")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{script}", String::from_utf8_lossy(&output.stderr));
    let mut said = String::new();
    for (index, block) in blocks.iter().enumerate() {
        if is_answer(block) {
            assert_printed(block, &said);
        } else {
            said = std::fs::read_to_string(folder.path().join(format!("said.{index}"))).unwrap();
            // If the page shows no output, the commands must not print an error.
            let is_shown = blocks.get(index + 1).is_some_and(is_answer);
            assert!(is_shown || !said.contains("\"error\":\""), "{}: {said}", block.place());
        }
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn node() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node/bin/node");
    std::env::var_os("WORKERS_NODE").map_or(installed, PathBuf::from)
}
