//! Runs blocks of code with clients of the Vercel API against a server of the test.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::document::Block;
use crate::vercel_api::support::{Offered, clients, ours, succeed};

/// The address in the page's examples.
const DOCUMENTED: &str = "http://127.0.0.1:3001/api";

/// Runs the blocks one after the other on one server. The clients get the token that the page creates before.
pub(super) fn try_clients(blocks: &[Block]) {
    let offered = Offered::start(&["--vercel-api-token", "team_ours=s3cret"]);
    for block in blocks {
        try_client(&offered, block);
    }
}

/// Runs a program, or commands.
fn try_client(offered: &Offered, block: &Block) {
    assert!(block.text.contains(DOCUMENTED), "{}: it names no server", block.place());
    let text = block.text.replace(DOCUMENTED, &offered.api);
    let place = offered.directory.path();
    let mut command = match block.language.as_str() {
        "js" => {
            std::fs::write(place.join("example.mjs"), text).unwrap();
            let mut node = offered.node();
            node.arg("--import").arg(ours("find-clients.mjs")).arg(place.join("example.mjs"));
            node
        }
        "python" => {
            std::fs::write(place.join("example.py"), text).unwrap();
            let mut python = offered.client("python3");
            python.env("PYTHONPATH", clients().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
            python.arg(place.join("example.py"));
            python
        }
        _ => {
            // The pinned client. The real npx would download the newest one.
            let npx = place.join("npx");
            let program = clients().join("node_modules/sandbox/bin/sandbox.mjs");
            let node = offered.node().get_program().to_owned();
            let script =
                format!("#!/bin/sh\nshift\nexec {} {} \"$@\"\n", Path::new(&node).display(), program.display());
            std::fs::write(&npx, script).unwrap();
            std::fs::set_permissions(&npx, std::fs::Permissions::from_mode(0o755)).unwrap();
            let path = format!("{}:{}", place.display(), std::env::var("PATH").unwrap());
            let mut shell = offered.client("sh");
            shell.args(["-e", "-c", &text]).env("PATH", path);
            shell.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
            shell
        }
    };
    command.env("TOKEN", "s3cret");
    let said = succeed(command);
    assert!(!said.trim().is_empty(), "{}: it prints nothing", block.place());
}
