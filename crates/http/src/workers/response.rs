//! The body for a worker.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use workers_domain::{Isolation, Worker};

/// A worker, without its source.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkerResponse {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// What its owner calls it; need not be unique.
    name: String,
    /// The snapshot that invocations start from; null until there is one.
    snapshot_id: Option<String>,
    /// The functions it exports, in the order of the source.
    functions: Vec<String>,
    /// `creating`, `ready`, `error` or `expired`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Why its status is `error`, else null.
    error_message: Option<String>,
    /// When it was deployed.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its snapshot expires or expired; null if it has none.
    #[schema(format = DateTime)]
    snapshot_expires_at: Option<String>,
    /// When a function of it was last invoked; may lag by seconds. Null if never.
    #[schema(format = DateTime)]
    last_invoked_at: Option<String>,
    /// Days until it expires, a begun day counted as one; 0 when none is left.
    #[schema(example = 7)]
    expires_in_days: i64,
    /// How new each invocation has to be at least, as the deploy demanded: `process` or `sandbox`; null if it did not.
    #[schema(example = "sandbox")]
    isolation: Option<&'static str>,
}

impl WorkerResponse {
    pub(crate) fn new(worker: &Worker, now: DateTime<Utc>) -> Self {
        Self {
            id: worker.id.to_string(),
            name: worker.name.as_str().to_owned(),
            snapshot_id: worker.snapshot_id().map(ToString::to_string),
            functions: worker.functions.iter().map(ToString::to_string).collect(),
            status: worker.status().as_str(),
            error_message: worker.error_message().map(ToOwned::to_owned),
            created_at: rfc3339(worker.created_at),
            snapshot_expires_at: worker.expires_at().map(rfc3339),
            last_invoked_at: worker.last_invoked_at.map(rfc3339),
            expires_in_days: worker.expires_in_days(now),
            isolation: worker.isolation.map(Isolation::as_str),
        }
    }
}

/// Formats a time for responses.
pub(super) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use workers_domain::{FunctionName, SnapshotId, TenantId, WorkerId, WorkerName};

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn worker() -> Worker {
        let name = WorkerName::parse("greeter").unwrap();
        Worker::creating(
            WorkerId::from(Uuid::nil()),
            TenantId::DEFAULT,
            name,
            vec![FunctionName::parse("greet").unwrap()],
            at(1_763_890_000),
        )
    }

    #[test]
    fn what_a_worker_does_not_have_is_null() {
        let shown = serde_json::to_value(WorkerResponse::new(&worker(), at(1_763_890_000))).unwrap();
        for member in ["snapshotId", "errorMessage", "snapshotExpiresAt", "lastInvokedAt", "isolation"] {
            assert_eq!(shown.get(member), Some(&serde_json::Value::Null), "{member}");
        }
        assert_eq!(shown["expiresInDays"], 0);
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let mut worker = worker();
        worker.make_ready(SnapshotId::new("snap_1"), at(1_763_890_000 + 7 * 86_400)).unwrap();
        insta::assert_json_snapshot!(WorkerResponse::new(&worker, at(1_763_890_000)), @r#"
        {
          "id": "00000000-0000-0000-0000-000000000000",
          "name": "greeter",
          "snapshotId": "snap_1",
          "functions": [
            "greet"
          ],
          "status": "ready",
          "errorMessage": null,
          "createdAt": "2025-11-23T09:26:40.000Z",
          "snapshotExpiresAt": "2025-11-30T09:26:40.000Z",
          "lastInvokedAt": null,
          "expiresInDays": 7,
          "isolation": null
        }
        "#);
    }
}
