//! Runs the conformance suite of sandbox providers over the cloud's API. Our own engine and the fake run the same
//! suite.

use std::ops::Deref;

use workers_testing::sandbox_conformance;
use workers_vercel::{Client, Credentials, VercelOptions, VercelProvider};

use crate::support::cloud::Cloud;

/// A provider, and the server that stands in for the cloud.
struct InCloud {
    provider: VercelProvider,
    _cloud: Cloud,
    _directory: tempfile::TempDir,
}

impl Deref for InCloud {
    type Target = VercelProvider;

    fn deref(&self) -> &VercelProvider {
        &self.provider
    }
}

async fn in_cloud() -> InCloud {
    let directory = tempfile::tempdir().unwrap();
    let cloud = Cloud::start_in(directory.path());
    let credentials = Credentials::access_token("token", "team", "project");
    let client = Client::builder(credentials).base_url(&cloud.api).build().unwrap();
    let provider = VercelProvider::new(client, VercelOptions::new("conformance"));
    InCloud { provider, _cloud: cloud, _directory: directory }
}

sandbox_conformance!(over_the_api, in_cloud);
