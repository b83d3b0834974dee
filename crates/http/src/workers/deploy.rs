//! `POST /api/workers`

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::WorkerResponse;
use crate::Api;
use crate::error::{ApiError, ErrorBody, ErrorCode, missing_code, missing_name};
use crate::request::{Caller, CompilerOptionsField, Field, Limit, parse_json, read_body};
use workers_domain::Isolation;
use workers_domain::access::{Action, Resource};
use workers_service::Source;

/// The factor by which JSON may be longer than the code in it. Most code needs less than 1.2. Text outside ASCII needs
/// 3 if all of it is written as `\u` escapes. A client that escapes more than that can send less code.
const ESCAPING: usize = 3;
/// Room for the name and the braces, in bytes.
const REST_OF_BODY: usize = 64 * 1024;

/// What to deploy. Further members are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeployWorkerRequest {
    /// What to call it: 1 to 255 characters, none of them a control character.
    #[serde(default)]
    #[schema(value_type = String, required = true, max_length = 255, example = "greeter")]
    name: Field,
    /// TypeScript or JavaScript, an ES module that exports functions.
    #[serde(default)]
    #[schema(value_type = String, required = true, example = "export async function greet({ name }) { return `hello ${name}`; }")]
    code: Field,
    /// How to compile it. What is not listed is refused.
    #[serde(default)]
    #[schema(value_type = Option<CompilerOptionsSchema>)]
    compiler_options: CompilerOptionsField,
    /// How new each invocation has to be at least: `process` or `sandbox`. The server may demand more.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "sandbox")]
    isolation: Option<serde_json::Value>,
}

/// How to compile a bundle; the names are those of TypeScript. It is kept with the code.
#[derive(Debug, ToSchema)]
#[schema(as = CompilerOptions)]
#[expect(dead_code, reason = "it describes what is read by hand")]
pub(crate) struct CompilerOptionsSchema {
    /// Whether decorators are TypeScript's older ones. Without it they are the standard ones, unless a parameter has a
    /// decorator.
    #[schema(rename = "experimentalDecorators")]
    experimental_decorators: Option<bool>,
}

/// Deploys a worker; it is ready when this answers.
#[utoipa::path(
    post, path = "/api/workers", tag = "workers", operation_id = "deployWorker",
    request_body = DeployWorkerRequest,
    responses(
        (status = 201, description = "It is ready", body = WorkerResponse, headers(("Location" = String, description = "Its path"))),
        (status = 400, description = "`invalid_json`, `invalid_body`, `missing_name`, `invalid_name`, `missing_code`, `invalid_code`, `invalid_compiler_options`, `invalid_isolation`, or, with `line`, \
            `column`, `codeFrame` and `diagnostics`, `syntax_error`, `no_exported_function`, `invalid_function_name`, \
            `unsupported_import`, `unsupported_syntax`, `too_deep`, `too_expensive`", body = ErrorBody),
        (status = 413, description = "`body_too_large`, `code_too_large`, with `limit` in bytes", body = ErrorBody),
        (status = 429, description = "`busy`, with `Retry-After`", body = ErrorBody),
        (status = 502, description = "`sandbox_failed`", body = ErrorBody),
        (status = 503, description = "`database_unavailable`, `database_denied`, `database_damaged`, `schema_missing`, `storage_read_only`, `shutting_down`", body = ErrorBody),
        (status = 507, description = "`storage_full`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.workers.deploy", level = "debug", skip_all)]
pub(crate) async fn handle(
    api: Data<Api>,
    Caller(call): Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let limits = api.platform.limits_of(&call, Action::DeployWorker, Resource::Tenant).await?;
    let bytes = limits.code_bytes.saturating_mul(ESCAPING).saturating_add(REST_OF_BODY);
    let limit = Limit { bytes, code: ErrorCode::BodyTooLarge };
    let body = read_body(&request, payload, limit, api.options.body_timeout).await?;
    let DeployWorkerRequest { name, code, compiler_options, isolation } = parse_json(&body)?;
    // Up to 30 MiB, which must not stay while the deploy waits for a compiler.
    drop(body);
    let name = name.into_text("name", missing_name)?;
    let code = code.into_text("code", missing_code)?;
    if code.contains('\0') {
        // Databases cannot store it, and editors do not show it.
        return Err(ApiError::new(ErrorCode::InvalidCode, "`code` must not contain the character U+0000"));
    }
    let compiler_options = compiler_options.into_options()?;
    let isolation = isolation.as_ref().map(isolation_of).transpose()?;
    // No `to_completion` here: the compilation ends with its client, and the use case itself finishes what comes after.
    let worker = api.platform.workers().deploy_with(&call, name, Source { code, compiler_options }, isolation).await?;
    // From the path of the request, so that it holds where an application mounts the API below another path.
    let location = format!("{}/{}", request.path().trim_end_matches('/'), worker.id);
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, location))
        .json(WorkerResponse::new(&worker, api.platform.clock().now())))
}

fn isolation_of(value: &serde_json::Value) -> Result<Isolation, ApiError> {
    let word = value.as_str().and_then(|word| word.parse().ok());
    word.ok_or_else(|| ApiError::new(ErrorCode::InvalidIsolation, "`isolation` must be `process` or `sandbox`"))
}
