//! `/v2/sandboxes/sessions/{session}`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::request::{Json, Params};
use super::response::{json, json_with};
use crate::auth::Caller;
use crate::body::{
    NetworkPolicyRequest, Pagination, RouteView, SandboxView, SessionView, SnapshotView, check_expiration,
};
use crate::error::ApiError;
use crate::model::SessionStatus;
use crate::registry::Registry;

/// `GET …/sessions`
pub(super) async fn list(registry: Data<Registry>, caller: Caller, params: Params) -> Result<HttpResponse, ApiError> {
    let page = registry.list_sessions(&caller.team, &params.project()?, params.get("name"), &params.page()?);
    let sessions: Vec<_> = page.items.into_iter().map(SessionView::from).collect();
    json(&json!({ "pagination": Pagination { count: sessions.len(), next: page.next }, "sessions": sessions }))
}

/// `GET …/{session}`
pub(super) async fn get(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let session = registry.find_session(&caller.team, &path)?;
    let routes = RouteView::list(&registry.routes_of(&session));
    json(&json!({ "session": SessionView::from(session), "routes": routes }))
}

/// A response with a session that has ended.
#[derive(Debug, Serialize)]
struct EndedResponse {
    session: SessionView,
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<SandboxView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<SnapshotView>,
}

/// `POST …/{session}/stop`
pub(super) async fn stop(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let ended = registry.to_completion(|registry| async move { registry.stop(&caller.team, &path).await }).await?;
    json(&EndedResponse {
        session: ended.session.into(),
        sandbox: ended.view.map(|view| SandboxView::new(&registry, &view)),
        snapshot: ended.snapshot.map(SnapshotView::from),
    })
}

/// How long to keep the snapshot, in milliseconds.
#[derive(Debug, Deserialize)]
pub(super) struct SnapshotRequest {
    expiration: Option<u64>,
}

/// `POST …/{session}/snapshot`
pub(super) async fn snapshot(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
    body: Json<SnapshotRequest>,
) -> Result<HttpResponse, ApiError> {
    let expiration = body.0.expiration;
    expiration.map_or(Ok(()), check_expiration)?;
    let mut ended = registry
        .to_completion(|registry| async move { registry.snapshot(&caller.team, &path, expiration).await })
        .await?;
    // Like the hosted service, show the status that the session had while its snapshot was taken.
    ended.session.status = SessionStatus::Snapshotting;
    let answer = EndedResponse {
        session: ended.session.into(),
        sandbox: None,
        snapshot: ended.snapshot.map(SnapshotView::from),
    };
    json_with(StatusCode::CREATED, &answer)
}

/// How much time to add, in milliseconds.
#[derive(Debug, Deserialize)]
pub(super) struct ExtendRequest {
    duration: u64,
}

/// `POST …/{session}/extend-timeout`
pub(super) async fn extend(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
    body: Json<ExtendRequest>,
) -> Result<HttpResponse, ApiError> {
    if body.0.duration < 1000 {
        return Err(ApiError::bad_request("`duration` must be at least 1000 ms."));
    }
    let session = registry.extend(&caller.team, &path, body.0.duration).await?;
    json(&json!({ "session": SessionView::from(session) }))
}

/// `POST …/{session}/network-policy`
pub(super) async fn set_network(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
    body: Json<NetworkPolicyRequest>,
) -> Result<HttpResponse, ApiError> {
    let setting = body.0.parse()?;
    let session = registry.set_network(&caller.team, &path, setting).await?;
    json(&json!({ "session": SessionView::from(session) }))
}
