//! `GET /api/limits`

use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;
use workers_service::EffectiveLimits;

use crate::Api;
use crate::error::{ApiError, ErrorBody};
use crate::request::Caller;

/// The limits in force.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LimitsResponse {
    /// The longest code of a worker, in bytes.
    #[schema(example = 10_485_760)]
    code_bytes: usize,
    /// The longest payload of an invocation, in bytes.
    #[schema(example = 6_291_456)]
    payload_bytes: usize,
    /// The longest result of an invocation, in bytes of JSON.
    #[schema(example = 6_291_456)]
    result_bytes: usize,
    /// The longest line of a log, in bytes; the rest of a longer one is cut.
    #[schema(example = 16_384)]
    log_line_bytes: usize,
    /// The log of an invocation, in bytes; the rest is cut.
    #[schema(example = 1_048_576)]
    log_bytes: usize,
    /// The memory of an invocation, in bytes, its private files included.
    #[schema(example = 268_435_456)]
    memory_bytes: u64,
    /// The files that an invocation may write, in bytes.
    #[schema(example = 67_108_864)]
    disk_bytes: u64,
    /// Processes and threads of an invocation at one time.
    #[schema(example = 64)]
    processes: u32,
    /// How long an invocation may run, in milliseconds.
    #[schema(example = 30_000)]
    timeout_ms: u64,
    /// How long a worker lives after its deploy, in seconds.
    #[schema(example = 604_800)]
    lifetime_seconds: u64,
}

impl From<&EffectiveLimits> for LimitsResponse {
    fn from(limits: &EffectiveLimits) -> Self {
        Self {
            code_bytes: limits.code_bytes,
            payload_bytes: limits.payload_bytes,
            result_bytes: limits.result_bytes,
            log_line_bytes: limits.log.line_bytes,
            log_bytes: limits.log.total_bytes,
            memory_bytes: limits.sandbox.memory_bytes,
            disk_bytes: limits.sandbox.disk_bytes,
            processes: limits.sandbox.processes,
            timeout_ms: u64::try_from(limits.sandbox.wall_clock.as_millis()).unwrap_or(u64::MAX),
            lifetime_seconds: limits.worker_lifetime.as_secs(),
        }
    }
}

/// The limits in force.
#[utoipa::path(
    get, path = "/api/limits", tag = "system", operation_id = "getLimits",
    responses(
        (status = 200, description = "The limits in force", body = LimitsResponse),
        (status = 503, description = "`database_unavailable`", body = ErrorBody),
    ),
)]
pub(crate) async fn handle(api: Data<Api>, Caller(call): Caller) -> Result<Json<LimitsResponse>, ApiError> {
    Ok(Json((&api.platform.limits(&call).await?).into()))
}
