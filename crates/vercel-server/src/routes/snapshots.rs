//! `/v2/sandboxes/snapshots`

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Serialize;
use serde_json::json;

use super::request::Params;
use super::response::json;
use crate::auth::Caller;
use crate::body::{Pagination, SnapshotView};
use crate::error::ApiError;
use crate::registry::{Registry, TreeNode};

/// `GET …/snapshots`
pub(super) async fn list(registry: Data<Registry>, caller: Caller, params: Params) -> Result<HttpResponse, ApiError> {
    let page = registry.list_snapshots(&caller.team, &params.project()?, params.get("name"), &params.page()?);
    let snapshots: Vec<_> = page.items.into_iter().map(SnapshotView::from).collect();
    json(&json!({ "pagination": Pagination { count: snapshots.len(), next: page.next }, "snapshots": snapshots }))
}

/// A snapshot with its siblings, as responses show it.
#[derive(Debug, Serialize)]
struct NodeView {
    snapshot: SnapshotView,
    siblings: Vec<SnapshotView>,
    /// The number of snapshots with the same parent, this one included. The hosted service sends it as a string.
    count: String,
}

impl From<TreeNode> for NodeView {
    fn from(node: TreeNode) -> Self {
        Self {
            snapshot: node.snapshot.into(),
            count: (node.siblings.len() + 1).to_string(),
            siblings: node.siblings.into_iter().map(SnapshotView::from).collect(),
        }
    }
}

/// `GET …/snapshots/tree`
pub(super) async fn tree(registry: Data<Registry>, caller: Caller, params: Params) -> Result<HttpResponse, ApiError> {
    let id = params.get("snapshotId").ok_or_else(|| ApiError::bad_request("`snapshotId` is missing."))?;
    let (anchor, page) = registry.snapshot_tree(&caller.team, id, params.descending()?, params.limit(10, 10)?)?;
    let snapshots: Vec<_> = page.items.into_iter().map(NodeView::from).collect();
    json(&json!({
        "anchor": NodeView::from(anchor),
        "pagination": Pagination { count: snapshots.len(), next: page.next },
        "snapshots": snapshots,
    }))
}

/// `GET …/{snapshot}`
pub(super) async fn get(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let snapshot = registry.find_snapshot(&caller.team, &path)?;
    json(&json!({ "snapshot": SnapshotView::from(snapshot) }))
}

/// `DELETE …/{snapshot}`
pub(super) async fn delete(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let snapshot = registry.delete_snapshot(&caller.team, &path).await?;
    json(&json!({ "snapshot": SnapshotView::from(snapshot) }))
}
