//! The JavaScript SDK. The tests themselves are in `tests/vercel/sdk`, one file for each subject. A test here runs one
//! file on a server of its own.

use super::support::{OIDC_TOKEN, Offered, ours, succeed};

/// How the SDK, which has no setting for it, is pointed at the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// With its option `fetch`.
    Option,
    /// With a preload that replaces the global `fetch`.
    Preload,
}

/// The credentials of the SDK.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Credentials {
    /// Token, team and project, passed to every call.
    Explicit,
    /// None; the SDK reads a token from its environment, which contains team and project.
    Oidc,
}

fn run(file: &str) {
    run_with(file, Way::Option, Credentials::Explicit, &[]);
}

fn run_with(file: &str, way: Way, credentials: Credentials, arguments: &[&str]) {
    let offered = Offered::start(arguments);
    let mut node = match way {
        Way::Option => offered.node(),
        Way::Preload => offered.pointed_node(),
    };
    if way == Way::Option {
        node.env("VERCEL_TEST_POINT", "fetch");
    }
    if credentials == Credentials::Oidc {
        node.env("VERCEL_OIDC_TOKEN", OIDC_TOKEN);
    }
    node.arg("--import").arg(ours("find-clients.mjs"));
    // A test that hangs is named by this timeout before the whole file is ended.
    node.args(["--test", "--test-isolation=none", "--test-force-exit", "--test-timeout=20000", "--test-reporter=spec"]);
    node.arg(ours("sdk").join(file));
    succeed(node);
}

#[test]
fn the_pipeline_works_through_the_option_with_explicit_credentials() {
    run_with("pipeline.mjs", Way::Option, Credentials::Explicit, &[]);
}

#[test]
fn the_pipeline_works_through_the_option_with_an_oidc_token() {
    run_with("pipeline.mjs", Way::Option, Credentials::Oidc, &[]);
}

#[test]
fn the_pipeline_works_through_a_preload_with_explicit_credentials() {
    run_with("pipeline.mjs", Way::Preload, Credentials::Explicit, &[]);
}

#[test]
fn the_pipeline_works_through_a_preload_with_an_oidc_token() {
    run_with("pipeline.mjs", Way::Preload, Credentials::Oidc, &[]);
}

#[test]
fn sandboxes_are_created_found_changed_and_deleted() {
    run("sandboxes.mjs");
}

#[test]
fn files_go_in_and_out() {
    run("files.mjs");
}

#[test]
fn the_file_system_facade_works() {
    run("filesystem.mjs");
}

#[test]
fn commands_are_waited_for() {
    run("commands.mjs");
}

#[test]
fn commands_are_followed_and_killed_while_they_run() {
    run("running.mjs");
}

#[test]
fn snapshots_are_made_found_started_from_and_deleted() {
    run("snapshots.mjs");
}

#[test]
fn sessions_end_and_resume() {
    run("ends.mjs");
}

#[test]
fn lists_are_filtered_ordered_and_paged() {
    run("lists.mjs");
}

#[test]
fn network_policies_are_kept_and_obeyed() {
    run("network.mjs");
}

#[test]
fn users_are_kept_apart() {
    run("users.mjs");
}

#[test]
fn sandboxes_are_forked() {
    run("forks.mjs");
}

#[test]
fn a_server_with_a_token_serves_who_has_it() {
    run_with("credentials.mjs", Way::Option, Credentials::Explicit, &["--vercel-api-token", "team_ours=secret"]);
}
