//! The web console beside the API.

mod files;
mod page;

use workers_http::Branding;

use crate::support::TestApp;

fn app() -> TestApp {
    TestApp::builder().http(|options| options.console = Some(Branding::default())).start()
}
