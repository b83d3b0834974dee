//! Compares, field by field, what our client and the official SDK send for the same operations.

mod archive;
mod compare;
mod differences;
mod names;
mod ours;
mod pipeline;
mod recorder;
mod request;

use std::process::Command;

use tokio::task::block_in_place;

use self::differences::DIFFERENCES;
use self::recorder::Recorder;
use self::request::Request;
use super::support::{self, Offered, succeed};

/// Runs a program of `tests/vercel/wire`, whose requests go through the recorder.
fn sdk(offered: &Offered, recorder: &Recorder, program: &str) {
    let mut node: Command = offered.node();
    node.arg("--import").arg(support::ours("find-clients.mjs")).arg(support::ours("wire").join(program));
    node.env("VERCEL_TEST_RECORDER", recorder.url());
    block_in_place(|| succeed(node));
}

fn operations(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.operation.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_requests_are_those_of_the_sdk_but_for_differences_that_have_a_reason() {
    let offered = Offered::start(&[]);
    let (of_sdk, of_ours) = (Recorder::start(&offered.api).await, Recorder::start(&offered.api).await);
    sdk(&offered, &of_sdk, "operations.mjs");
    ours::operate(&of_ours).await;
    let (of_sdk, of_ours) = (of_sdk.requests(), of_ours.requests());
    assert_eq!(operations(&of_sdk), operations(&of_ours));
    let mut counted = operations(&of_ours);
    counted.sort_unstable();
    counted.dedup();
    assert_eq!(counted.len(), of_ours.len(), "each operation is one request");
    let complaints = compare::complaints(&of_sdk, &of_ours, DIFFERENCES);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
