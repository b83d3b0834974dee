//! `GET /api/openapi.json`

use actix_web::web::Json;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::invoke::{batch, outcome, stream, watch};
use crate::system::{healthz, limits, metrics, readyz, setup};
use crate::workers;

/// The document. Its errors, bodies and routes are those of the handlers themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Workers Platform",
        description = "Deploy TypeScript bundles and run the functions they export, each in a fresh sandbox. Every error has the \
            members `error` (for a person), `code` (for a program) and `requestId`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        workers::deploy::handle,
        workers::list::handle,
        workers::events::handle,
        workers::get::handle,
        workers::delete::handle,
        workers::source::handle,
        workers::redeploy::handle,
        watch::handle,
        batch::handle,
        setup::handle,
        limits::handle,
        handle,
        healthz::handle,
        readyz::handle,
        metrics::handle,
    ),
    components(schemas(stream::LogData, outcome::ReturnedBody, outcome::FailedBody, workers::events::InvokedData, workers::events::DeletedData, workers::events::ResetData)),
    tags(
        (name = "workers", description = "Deployed bundles"),
        (name = "invocations", description = "Runs of functions"),
        (name = "system", description = "The installation"),
    ),
    modifiers(&Access, &OptionalPayload),
    security(("adminToken" = []), ()),
)]
struct Document;

struct Access;
struct OptionalPayload;

impl Modify for Access {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("The admin token; not needed on a server that listens on loopback and has none"))
                .build(),
        );
        document.components.get_or_insert_default().security_schemes.insert("adminToken".to_owned(), scheme.into());
        let guarded = |path: &str| !matches!(path, "/healthz" | "/readyz");
        for (_, item) in document.paths.paths.iter_mut().filter(|(path, _)| guarded(path)) {
            for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
                refuse(operation, "401", "`unauthorized`");
                refuse(operation, "403", "`host_not_allowed`, `origin_not_allowed`");
            }
        }
    }
}

/// Adds an error response to an operation that does not describe it itself.
fn refuse(operation: &mut Operation, status: &str, description: &str) {
    let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    let response = ResponseBuilder::new().description(description).content("application/json", body).build();
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
}

/// Marks the payload as optional: a missing one counts as `{}`.
impl Modify for OptionalPayload {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (_, item) in document.paths.paths.iter_mut().filter(|(path, _)| path.ends_with("/{function}")) {
            let body = item.post.as_mut().and_then(|operation| operation.request_body.as_mut());
            if let Some(RefOr::T(body)) = body {
                body.required = Some(Required::False);
            }
        }
    }
}

/// Returns the description of this API as an OpenAPI 3.1 document.
#[must_use]
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "system", operation_id = "openapi",
    responses((status = 200, description = "This document", body = serde_json::Value)),
)]
pub(crate) async fn handle() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi_document())
}
