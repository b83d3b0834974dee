//! `POST /api/setup`

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Payload};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workers_domain::access::{Action, Resource};
use workers_domain::ports::ExistingWorkers;

use crate::Api;
use crate::detached::to_completion;
use crate::error::{ApiError, CONFIRMATION, ErrorBody, ErrorCode};
use crate::request::{Caller, Field, Limit, parse_json, read_body};

/// Maximum size of the body, in bytes: enough for the one short member.
const BODY_BYTES: usize = 4 * 1024;

/// What to do with workers that are there. No body at all stands for one without members.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct SetupRequest {
    /// `remove all workers` to remove them, for good, with their snapshots. Without it nothing is ever removed.
    #[serde(default)]
    #[schema(value_type = String, required = false, example = "remove all workers")]
    confirm: Field,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupResponse {
    /// Always true.
    success: bool,
    /// Whether there was no schema before.
    created: bool,
    /// How many workers are gone.
    removed_workers: usize,
}

/// Creates the database schema where there is none. Where there are workers, removes them and their snapshots if that
/// is confirmed, and does nothing otherwise.
#[utoipa::path(
    post, path = "/api/setup", tag = "system", operation_id = "setUp",
    request_body(content = Option<SetupRequest>),
    responses(
        (status = 200, description = "The schema is there, without workers", body = SetupResponse),
        (status = 400, description = "`confirmation_required`, with `workers` (how many there are) and `confirm` (what to send); \
            `invalid_confirmation`, `invalid_json`, `invalid_body`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 403, description = "`setup_not_allowed`, `host_not_allowed`, `origin_not_allowed`", body = ErrorBody),
        (status = 503, description = "`database_unavailable`, `database_denied`, `database_damaged`, `schema_missing`, `storage_read_only`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.setup", level = "debug", skip_all)]
pub(crate) async fn handle(
    api: Data<Api>,
    Caller(call): Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<SetupResponse>, ApiError> {
    // Checked before the body is read, so that a caller without permission gets no other response.
    api.platform.check(&call, Action::SetUp, Resource::Platform)?;
    let limit = Limit { bytes: BODY_BYTES, code: ErrorCode::BodyTooLarge };
    let body = read_body(&request, payload, limit, api.options.body_timeout).await?;
    let existing = existing_workers(&body)?;
    let platform = api.platform.clone();
    let report = to_completion(async move { platform.workers().set_up(&call, existing).await }).await?;
    tracing::warn!(created = report.created, removed_workers = report.removed_workers, "database was set up");
    Ok(Json(SetupResponse { success: true, created: report.created, removed_workers: report.removed_workers }))
}

/// Parses the body. A wrong confirmation is refused even if there is nothing to delete.
fn existing_workers(body: &[u8]) -> Result<ExistingWorkers, ApiError> {
    let SetupRequest { confirm } =
        if body.trim_ascii().is_empty() { SetupRequest::default() } else { parse_json(body)? };
    let word = match confirm {
        Field::Missing => return Ok(ExistingWorkers::Keep),
        other => other.into_text("confirm", || ApiError::internal("a member that is there is missing"))?,
    };
    if word == CONFIRMATION {
        return Ok(ExistingWorkers::Remove);
    }
    let message = format!("`confirm` must be \"{CONFIRMATION}\", word for word, or be left out; nothing was changed");
    Err(ApiError::new(ErrorCode::InvalidConfirmation, message).with("field", "confirm").with("confirm", CONFIRMATION))
}
