//! Lists in pages.

use serde::Deserialize;

use super::{SandboxInfo, SnapshotInfo};

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items on the page.
    pub items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// Which sandboxes to list, and how many on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListSandboxes {
    /// Only sandboxes with this tag, as key and value.
    pub tag: Option<(String, String)>,
    /// Only sandboxes whose name has this prefix. The API requires the order by name for this, so the request asks for
    /// it.
    pub name_prefix: Option<String>,
    /// Maximum number on a page: 1 to 50, and 20 if `None`.
    pub limit: Option<u32>,
    /// The page, from [`Page::next`].
    pub cursor: Option<String>,
    /// The order of the list.
    pub order: Option<SortOrder>,
}

/// Which snapshots to list, and how many on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListSnapshots {
    /// Only snapshots of the sandbox with this name.
    pub sandbox: Option<String>,
    /// Maximum number on a page.
    pub limit: Option<u32>,
    /// The page, from [`Page::next`].
    pub cursor: Option<String>,
    /// The order of the list.
    pub order: Option<SortOrder>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// Oldest first, or A first.
    Ascending,
    /// Newest first, or Z first.
    Descending,
}

/// The parameters of a query.
pub(crate) type Query = Vec<(&'static str, String)>;

impl ListSandboxes {
    pub(crate) fn query(&self) -> Query {
        let mut query = paging(self.limit, self.cursor.as_ref(), self.order);
        if let Some(prefix) = &self.name_prefix {
            query.push(("sortBy", "name".to_owned()));
            query.push(("namePrefix", prefix.clone()));
        }
        if let Some((key, value)) = &self.tag {
            query.push(("tags", format!("{key}:{value}")));
        }
        query
    }
}

impl ListSnapshots {
    pub(crate) fn query(&self) -> Query {
        let mut query = paging(self.limit, self.cursor.as_ref(), self.order);
        if let Some(sandbox) = &self.sandbox {
            query.push(("name", sandbox.clone()));
        }
        query
    }
}

fn paging(limit: Option<u32>, cursor: Option<&String>, order: Option<SortOrder>) -> Query {
    let order = order.map(|order| match order {
        SortOrder::Ascending => "asc".to_owned(),
        SortOrder::Descending => "desc".to_owned(),
    });
    let all = [("limit", limit.map(|limit| limit.to_string())), ("cursor", cursor.cloned()), ("sortOrder", order)];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

#[derive(Deserialize)]
pub(crate) struct SandboxesBody {
    sandboxes: Vec<SandboxInfo>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
pub(crate) struct SnapshotsBody {
    snapshots: Vec<SnapshotInfo>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    next: Option<String>,
}

impl From<SandboxesBody> for Page<SandboxInfo> {
    fn from(body: SandboxesBody) -> Self {
        Self { items: body.sandboxes, next: body.pagination.and_then(|pagination| pagination.next) }
    }
}

impl From<SnapshotsBody> for Page<SnapshotInfo> {
    fn from(body: SnapshotsBody) -> Self {
        Self { items: body.snapshots, next: body.pagination.and_then(|pagination| pagination.next) }
    }
}
