//! `/v2/sandboxes` and `/v2/sandboxes/{name}`

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde_json::{Map, Value, json};

use super::request::{Json, Params, check_project};
use super::response::json;
use crate::auth::Caller;
use crate::body::{Pagination, RouteView, SandboxRequest, SandboxView, SessionView};
use crate::error::ApiError;
use crate::model::SandboxKey;
use crate::registry::{Registry, SandboxFilter, SortBy, View};

/// `POST /v3/sandboxes`; also `POST /v2/sandboxes`, for clients that name a runtime.
pub(super) async fn create(
    registry: Data<Registry>,
    caller: Caller,
    params: Params,
    body: Json<SandboxRequest>,
) -> Result<HttpResponse, ApiError> {
    let project = match &body.0.project_id {
        Some(project) => project.clone(),
        None => params.project()?,
    };
    check_project(&project)?;
    let new = body.0.into_new(registry.options())?;
    let view =
        registry.to_completion(|registry| async move { registry.create(caller.team, project, new).await }).await?;
    whole(&registry, &view, None)
}

/// `GET /v2/sandboxes/{name}`
pub(super) async fn get(
    registry: Data<Registry>,
    caller: Caller,
    params: Params,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let key = key(caller, &params, path)?;
    if !params.flag("resume")? {
        return whole(&registry, &registry.find(&key)?, Some(false));
    }
    let resumed = registry.to_completion(|registry| async move { registry.resume(&key).await }).await?;
    whole(&registry, &resumed.view, Some(resumed.is_new))
}

/// `GET /v2/sandboxes`
pub(super) async fn list(registry: Data<Registry>, caller: Caller, params: Params) -> Result<HttpResponse, ApiError> {
    let sort_by = match params.get("sortBy") {
        None | Some("createdAt") => SortBy::CreatedAt,
        Some("name") => SortBy::Name,
        Some("statusUpdatedAt") => SortBy::StatusUpdatedAt,
        Some("currentSnapshotId") => SortBy::CurrentSnapshotId,
        Some(_) => {
            let message = "`sortBy` must be `createdAt`, `name`, `statusUpdatedAt` or `currentSnapshotId`.";
            return Err(ApiError::bad_request(message));
        }
    };
    let name_prefix = params.get("namePrefix").map(str::to_owned);
    // The hosted service requires this too.
    if name_prefix.is_some() && sort_by != SortBy::Name {
        return Err(ApiError::bad_request("`namePrefix` needs `sortBy=name`."));
    }
    let mut tags = params.all("tags");
    let tag = match (tags.next(), tags.next()) {
        (None, _) => None,
        (Some(tag), None) => {
            let pair = tag.split_once(':').ok_or_else(|| ApiError::bad_request("`tags` must be `key:value`."))?;
            Some((pair.0.to_owned(), pair.1.to_owned()))
        }
        (Some(_), Some(_)) => return Err(ApiError::bad_request("Only one tag can be filtered by.")),
    };
    let status = params.get("status").map(str::to_owned);
    let filter = SandboxFilter { name_prefix, tag, status, sort_by };
    let page = registry.list(&caller.team, &params.project()?, &filter, &params.page()?);
    let sandboxes: Vec<_> = page.items.iter().map(|view| SandboxView::new(&registry, view)).collect();
    json(&json!({ "pagination": Pagination { count: sandboxes.len(), next: page.next }, "sandboxes": sandboxes }))
}

/// `PATCH /v2/sandboxes/{name}`
pub(super) async fn update(
    registry: Data<Registry>,
    caller: Caller,
    params: Params,
    path: Path<String>,
    body: Json<SandboxRequest>,
) -> Result<HttpResponse, ApiError> {
    let key = key(caller, &params, path)?;
    let change = body.0.into_change(registry.options())?;
    let view = registry.update(&key, change).await?;
    let routes = RouteView::list(&view.sandbox.routes);
    json(&json!({ "sandbox": SandboxView::new(&registry, &view), "routes": routes }))
}

/// `DELETE /v2/sandboxes/{name}`
pub(super) async fn delete(
    registry: Data<Registry>,
    caller: Caller,
    params: Params,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let key = key(caller, &params, path)?;
    let snapshots = params.flag("deleteOrphanSnapshots")?;
    let view = registry.to_completion(|registry| async move { registry.delete(&key, snapshots).await }).await?;
    json(&json!({ "sandbox": SandboxView::new(&registry, &view) }))
}

/// `POST /v2/sandboxes/{name}/fork`
pub(super) async fn fork(
    registry: Data<Registry>,
    caller: Caller,
    params: Params,
    path: Path<String>,
    body: Json<SandboxRequest>,
) -> Result<HttpResponse, ApiError> {
    let key = key(caller, &params, path)?;
    let new = body.0.into_new(registry.options())?;
    let view = registry.to_completion(|registry| async move { registry.fork(&key, new).await }).await?;
    whole(&registry, &view, None)
}

fn key(caller: Caller, params: &Params, path: Path<String>) -> Result<SandboxKey, ApiError> {
    Ok(SandboxKey { team: caller.team, project: params.project()?, name: path.into_inner() })
}

/// Builds the response with a sandbox, its session and its routes.
fn whole(registry: &Registry, view: &View, resumed: Option<bool>) -> Result<HttpResponse, ApiError> {
    let mut answer = Map::new();
    let mut add = |name: &str, value: Result<Value, serde_json::Error>| {
        let value = value.map_err(|error| ApiError::internal(&error))?;
        answer.insert(name.to_owned(), value);
        Ok::<_, ApiError>(())
    };
    add("sandbox", serde_json::to_value(SandboxView::new(registry, view)))?;
    add("session", serde_json::to_value(SessionView::from(view.session.clone())))?;
    add("routes", serde_json::to_value(RouteView::list(&view.sandbox.routes)))?;
    if let Some(resumed) = resumed {
        add("resumed", Ok(Value::from(resumed)))?;
    }
    json(&answer)
}
