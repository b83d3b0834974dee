//! Lists, a page at a time.

use serde::Deserialize;

use super::{SandboxInfo, SnapshotInfo};

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for the next page with, if there is one.
    pub next: Option<String>,
}

/// Which sandboxes are listed, and how many at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListSandboxes {
    /// Those with this tag, as key and value.
    pub tag: Option<(String, String)>,
    /// Those whose name begins so. The API wants them sorted by name then, and so they are.
    pub name_prefix: Option<String>,
    /// At most so many on a page: 1 to 50, and 20 if `None`.
    pub limit: Option<u32>,
    /// The page, from [`Page::next`].
    pub cursor: Option<String>,
    /// In which order.
    pub order: Option<SortOrder>,
}

/// Which snapshots are listed, and how many at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListSnapshots {
    /// Those made of the sandbox with this name.
    pub sandbox: Option<String>,
    /// At most so many on a page.
    pub limit: Option<u32>,
    /// The page, from [`Page::next`].
    pub cursor: Option<String>,
    /// In which order.
    pub order: Option<SortOrder>,
}

/// In which order a list comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// The oldest first, or A.
    Ascending,
    /// The newest first, or Z.
    Descending,
}

/// Parameters of a query.
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
