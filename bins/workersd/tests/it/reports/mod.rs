//! Programs like those in bug reports against this platform, Node.js and other compilers, and outcomes that user code
//! forges. Each one goes through a whole server, as one response and as a stream.

mod forged;

use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::local::{TestServer, messages, status_and_body};

const PROGRAMS: &str = include_str!("programs.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Program {
    name: String,
    code: Vec<String>,
    experimental_decorators: Option<bool>,
    #[serde(default = "nothing")]
    payload: Value,
    expected: Expected,
}

/// The expected response. Members that are absent here may have any value, except the log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    result: Option<Value>,
    error: Option<String>,
    code: Option<String>,
    /// Values by their JSON pointers.
    #[serde(default)]
    at: Map<String, Value>,
    logs: Option<Vec<String>>,
    /// The number of warnings.
    warnings: Option<usize>,
    /// The most bytes of the whole response.
    most: Option<usize>,
    /// Texts that must not occur in the response.
    #[serde(default)]
    lacks: Vec<String>,
}

fn nothing() -> Value {
    json!({})
}

impl Program {
    async fn deploy(&self, server: &TestServer) -> String {
        let mut body = json!({"name": "test", "code": self.code.join("\n")});
        if let Some(value) = self.experimental_decorators {
            body["compilerOptions"] = json!({"experimentalDecorators": value});
        }
        let (status, body) = status_and_body(server.post("/api/workers").json(&body).send().await.unwrap()).await;
        assert_eq!(status, 201, "{}: {body}", self.name);
        body["id"].as_str().unwrap().to_owned()
    }

    fn check(&self, answer: &Value, logs: &[&str]) {
        let Expected { result, error, code, at, logs: expected_logs, warnings, most, lacks } = &self.expected;
        let text = answer.to_string();
        let shown: String = text.chars().take(2000).collect();
        let name = &self.name;
        for (pointer, expected) in [
            ("/result", result.clone()),
            ("/error", error.clone().map(Value::from)),
            ("/code", code.clone().map(Value::from)),
        ] {
            if let Some(expected) = expected {
                assert_eq!(answer.pointer(pointer), Some(&expected), "{name}: {shown}");
            }
        }
        for (pointer, expected) in at {
            assert_eq!(answer.pointer(pointer), Some(expected), "{name}: {pointer} {shown}");
        }
        if let Some(expected) = warnings {
            assert_eq!(answer["warnings"].as_array().map(Vec::len), Some(*expected), "{name}: {shown}");
        }
        assert!(most.is_none_or(|most| text.len() <= most), "{name}: {} bytes", text.len());
        for absent in lacks {
            let is_logged = logs.iter().any(|message| message.contains(absent));
            assert!(!text.contains(absent) && !is_logged, "{name}: {absent} in {shown} {logs:?}");
        }
        match expected_logs {
            Some(expected) => assert_eq!(logs, expected, "{name}"),
            None => assert!(logs.iter().all(|message| !message.contains("__RESULT__")), "{name}: {logs:?}"),
        }
    }
}

/// Returns a response without the measurements, which differ from run to run.
fn without_measurements(mut answer: Value) -> Value {
    for name in ["success", "function", "duration", "timings", "cpuMs", "maxMemoryBytes", "invocationId", "logs"] {
        answer.as_object_mut().unwrap().remove(name);
    }
    answer
}

async fn run(server: &TestServer, program: Program) {
    let id = program.deploy(server).await;
    let (_, waited) = server.call(&id, "main", &program.payload).await;
    let logs: Vec<&str> =
        waited["logs"].as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap()).collect();
    program.check(&waited, &logs);
    let events = server.stream(&id, "main", &program.payload).await.all().await;
    let last = &events.last().unwrap().data;
    program.check(last, &messages(&events));
    assert_eq!(without_measurements(last.clone()), without_measurements(waited.clone()), "{}", program.name);
}

#[tokio::test]
async fn programs_of_every_reported_kind_do_what_was_expected_waited_for_and_followed() {
    let server = TestServer::start(&[]);
    let programs: Vec<Program> = serde_json::from_str(PROGRAMS).unwrap();
    let runs = futures_util::stream::iter(programs).map(|program| run(&server, program));
    runs.buffer_unordered(4).collect::<()>().await;
}
