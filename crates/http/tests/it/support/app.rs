//! A running server on fakes, one per test.

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use workers_domain::access::{Policy, StandardPolicy};
use workers_domain::{LogStream, TenantId, TenantLimits};
use workers_http::{Access, Api, Application, BindError, HttpOptions, Metrics, StopHandle};
use workers_service::{Platform, ServiceOptions};
use workers_testing::{FakeStore, ScriptedCall, ScriptedSandboxProvider, Step, StubLimits, TestClock};

/// Exports every function that the tests' scripts implement.
pub(crate) const CODE: &str =
    "export async function greet(payload) { return payload; }\nexport async function hang() {}";

type Script = Box<dyn Fn(&ScriptedCall) -> Vec<Step> + Send + Sync>;

pub(crate) struct TestApp {
    pub(crate) base: String,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) client: Client,
    platform: Platform,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) sandboxes: ScriptedSandboxProvider,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) stop: StopHandle,
    pub(crate) running: JoinHandle<std::io::Result<()>>,
}

pub(crate) struct TestAppBuilder {
    script: Script,
    http: HttpOptions,
    service: ServiceOptions,
    store: FakeStore,
    mounted: Option<fn(&mut ServiceConfig)>,
    policy: Arc<dyn Policy>,
    limits: StubLimits,
}

impl TestApp {
    /// Starts a server whose functions print a line and return their payload.
    pub(crate) fn start() -> Self {
        Self::builder().start()
    }

    pub(crate) fn builder() -> TestAppBuilder {
        let mut http = HttpOptions::default();
        http.threads = 1;
        TestAppBuilder {
            script: Box::new(|call| vec![Step::Log(LogStream::Stdout, "hello\n"), Step::Return(call.payload.clone())]),
            http,
            service: ServiceOptions::default(),
            store: FakeStore::new(),
            mounted: None,
            policy: Arc::new(StandardPolicy),
            limits: StubLimits::default(),
        }
    }

    /// Starts a server whose functions execute these steps.
    pub(crate) fn playing(steps: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::builder().script(move |_| steps()).start()
    }

    /// Binds a second server to the same platform.
    pub(crate) fn bind(&self, address: &str, access: Access) -> Result<Application, BindError> {
        let mut options = HttpOptions::default();
        options.access = access;
        Application::bind(address.parse().unwrap(), Api::new(self.platform.clone(), options, Metrics::new()))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).header("x-request-id", "test")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(Method::POST, path).body(body).send().await.unwrap()
    }

    /// Sends a POST request, and returns status and body.
    pub(crate) async fn post_json(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        status_and_json(self.post(path, body).await).await
    }

    /// Deploys [`CODE`] and returns the worker's id.
    pub(crate) async fn deploy(&self) -> String {
        let (status, body) =
            self.post_json("/api/workers", json!({ "name": "greeter", "code": CODE }).to_string()).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// Deploys a worker, and returns the path of one of its functions below `invoke` or `functions`.
    pub(crate) async fn deployed(&self, how: &str, function: &str) -> String {
        format!("/api/workers/{}/{how}/{function}", self.deploy().await)
    }
}

impl TestAppBuilder {
    pub(crate) fn script(mut self, script: impl Fn(&ScriptedCall) -> Vec<Step> + Send + Sync + 'static) -> Self {
        self.script = Box::new(script);
        self
    }

    pub(crate) fn http(mut self, change: impl FnOnce(&mut HttpOptions)) -> Self {
        change(&mut self.http);
        self
    }

    pub(crate) fn service(mut self, change: impl FnOnce(&mut ServiceOptions)) -> Self {
        change(&mut self.service);
        self
    }

    pub(crate) fn store(mut self, store: FakeStore) -> Self {
        self.store = store;
        self
    }

    pub(crate) fn policy(mut self, policy: impl Policy + 'static) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Sets limits for the default tenant.
    pub(crate) fn tenant_limits(self, limits: TenantLimits) -> Self {
        self.limits.set(TenantId::DEFAULT, limits);
        self
    }

    /// Serves additional routes.
    pub(crate) fn mount(mut self, routes: fn(&mut ServiceConfig)) -> Self {
        self.mounted = Some(routes);
        self
    }

    pub(crate) fn start(self) -> TestApp {
        let store = Arc::new(self.store);
        let sandboxes = ScriptedSandboxProvider::new(self.script);
        let clock = Arc::new(TestClock::default());
        let metrics = Metrics::new();
        let platform = Platform::builder(Arc::<FakeStore>::clone(&store), Arc::new(sandboxes.clone()))
            .clock(Arc::<TestClock>::clone(&clock))
            .observer(Arc::new(metrics.clone()))
            .options(self.service)
            .policy(self.policy)
            .limits(Arc::new(self.limits))
            .build();
        let api = Api::new(platform.clone(), self.http, metrics);
        let mut application = Application::bind("127.0.0.1:0".parse().unwrap(), api).unwrap();
        if let Some(routes) = self.mounted {
            application = application.mount(routes);
        }
        let address = application.local_addr();
        let stop = application.stop_handle();
        let running = tokio::spawn(application.run());
        let client = workers_testing::http_client();
        TestApp { base: format!("http://{address}"), address, client, platform, store, sandboxes, clock, stop, running }
    }
}

pub(crate) async fn status_and_json(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")))
}
