//! A server that stands in for the cloud.

use std::path::Path;
use std::process::Child;

use serde_json::Value;
use workers_testing::skip_unless_root;

use super::{command, end, spawn, status_and_body};

/// The credentials for the cloud.
pub(crate) const CREDENTIALS: [(&str, &str); 3] =
    [("VERCEL_TOKEN", "token"), ("VERCEL_TEAM_ID", "team"), ("VERCEL_PROJECT_ID", "project")];

/// A server that offers the cloud's API, stopped when this value is dropped.
pub(crate) struct Cloud {
    process: Child,
    /// The URL of the API.
    pub(crate) api: String,
}

impl Cloud {
    /// Starts one with this data directory.
    pub(crate) fn start_in(data_dir: &Path) -> Self {
        skip_unless_root("the server that stands for the cloud needs root");
        let mut command = command();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--vercel-api", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(["--vercel-api-token", "team=token"])
            // Each invocation there is a container of 2 GiB, of which it uses little; and tests run in parallel.
            .args(["--overcommit-memory", "100", "--overcommit-processors", "100"]);
        let (process, [_, api]) = spawn(command, ["listening on ", "vercel api on "]);
        Self { process, api }
    }

    /// Deletes every snapshot.
    pub(crate) async fn lose_snapshots(&self, http: &reqwest::Client) {
        let snapshots = format!("{}/v2/sandboxes/snapshots", self.api);
        let list = http.get(format!("{snapshots}?teamId=team&project=project")).bearer_auth("token");
        let (status, body) = status_and_body(list.send().await.unwrap()).await;
        assert_eq!(status, 200, "{body}");
        for snapshot in body["snapshots"].as_array().into_iter().flatten().filter_map(|one: &Value| one["id"].as_str())
        {
            let delete = http.delete(format!("{snapshots}/{snapshot}?teamId=team")).bearer_auth("token");
            assert_eq!(delete.send().await.unwrap().status(), 200);
        }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}
