//! The platform's ids of snapshots: the API's id, plus an expiry where the API keeps the snapshot for longer than
//! requested.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use workers_domain::SnapshotId;
use workers_domain::ports::Snapshot;

use crate::api::{SnapshotInfo, SnapshotStatus};

/// The shortest time for which the API keeps a snapshot.
const SHORTEST_EXPIRY: TimeDelta = TimeDelta::days(1);

/// A snapshot's id at the API, and until when it is valid: `snap_1`, or `snap_1@1763890000000` with milliseconds since
/// 1970.
///
/// The API keeps every snapshot for at least a day. The id of a snapshot that has to expire earlier contains the time,
/// and every server treats the snapshot as gone after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SnapshotKey {
    pub(super) id: String,
    until: Option<DateTime<Utc>>,
}

/// How long a snapshot is kept, in a form that the API can represent plus the rest that it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry {
    /// How long the API keeps it; `None` is for ever.
    pub(super) kept_for: Option<Duration>,
    /// Until when it is valid, if the API keeps it for longer.
    until: Option<DateTime<Utc>>,
}

impl Expiry {
    pub(super) fn new(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let Some(expires_at) = expires_at else { return Self { kept_for: None, until: None } };
        let left = expires_at - now;
        let kept_for = left.max(SHORTEST_EXPIRY).to_std().ok();
        Self { kept_for, until: (left < SHORTEST_EXPIRY).then_some(expires_at) }
    }

    pub(super) fn key(self, id: String) -> SnapshotKey {
        SnapshotKey { id, until: self.until }
    }
}

impl SnapshotKey {
    /// Parses an id; `None` if the API cannot have issued it.
    pub(super) fn parse(id: &SnapshotId) -> Option<Self> {
        let (id, until) = match id.as_str().split_once('@') {
            Some((id, until)) => (id, Some(DateTime::from_timestamp_millis(until.parse().ok()?)?)),
            None => (id.as_str(), None),
        };
        // The id becomes a part of a URL's path.
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (!id.is_empty() && id.bytes().all(known)).then(|| Self { id: id.to_owned(), until })
    }

    pub(super) fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Returns the snapshot, if it can still be used.
    pub(super) fn snapshot(&self, info: &SnapshotInfo, now: DateTime<Utc>) -> Option<Snapshot> {
        let expires_at = [self.until, info.expires_at].into_iter().flatten().min();
        let is_usable = info.status == SnapshotStatus::Created && expires_at.is_none_or(|at| at > now);
        is_usable.then(|| Snapshot { id: self.to_id(), size_bytes: info.size_bytes, expires_at })
    }

    /// Returns the snapshot as it was just taken, even if it cannot be used any more.
    pub(super) fn new_snapshot(&self, info: &SnapshotInfo) -> Snapshot {
        let expires_at = [self.until, info.expires_at].into_iter().flatten().min();
        Snapshot { id: self.to_id(), size_bytes: info.size_bytes, expires_at }
    }

    fn to_id(&self) -> SnapshotId {
        SnapshotId::new(match self.until {
            Some(until) => format!("{}@{}", self.id, until.timestamp_millis()),
            None => self.id.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_890_000, 0).unwrap()
    }

    #[test]
    fn an_end_that_the_api_can_keep_is_left_to_it() {
        let expiry = Expiry::new(Some(now() + TimeDelta::days(7)), now());
        assert_eq!(expiry.kept_for, Some(Duration::from_hours(7 * 24)));
        assert_eq!(expiry.key("snap_1".to_owned()).to_id().as_str(), "snap_1");
        let never = Expiry::new(None, now());
        assert_eq!((never.kept_for, never.until), (None, None));
    }

    #[test]
    fn an_earlier_end_travels_in_the_id() {
        let expiry = Expiry::new(Some(now() + TimeDelta::hours(1)), now());
        assert_eq!(expiry.kept_for, Some(Duration::from_hours(24)));
        let key = expiry.key("snap_1".to_owned());
        assert_eq!(key.to_id().as_str(), "snap_1@1763893600000");
        assert_eq!(SnapshotKey::parse(&key.to_id()), Some(key.clone()));
        assert!(!key.has_expired(now()) && key.has_expired(now() + TimeDelta::hours(1)));
    }

    #[test]
    fn what_the_api_never_gave_out_is_no_id() {
        for text in ["", "../../etc", "snap 1", "snap_1@", "snap_1@soon", "@1", "snap/1", "snap_1@1@2"] {
            assert_eq!(SnapshotKey::parse(&SnapshotId::new(text)), None, "{text}");
        }
    }
}
