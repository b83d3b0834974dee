//! Deletes orphans: sandboxes of a server that died.

use chrono::TimeDelta;
use workers_domain::ports::SandboxError;
use workers_domain::ports::SandboxErrorKind;

use super::VercelProvider;
use super::core::TAG;
use super::error;
use crate::api::{ListSandboxes, SandboxInfo};

/// By how much a sandbox must outlive its time to count as an orphan: clocks differ, and ending a sandbox takes a
/// while.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

/// The API's maximum page size.
const PAGE: u32 = 50;

impl VercelProvider {
    /// Deletes the orphaned sandboxes of this installation and returns their number. A sandbox is an orphan if it has
    /// ended, or has lived for longer than it may. Younger ones may belong to another server, and the API ends them
    /// when their time is over.
    ///
    /// # Errors
    ///
    /// When the sandboxes cannot be listed. A sandbox that cannot be deleted is only logged.
    #[tracing::instrument(name = "vercel.sandbox.sweep", skip_all)]
    pub async fn sweep_orphans(&self) -> Result<usize, SandboxError> {
        let tag = Some((TAG.to_owned(), self.core.options.installation.clone()));
        let mut list = ListSandboxes { tag, limit: Some(PAGE), ..ListSandboxes::default() };
        // List all pages first: deleting changes what is on the next page.
        let mut orphans = Vec::new();
        loop {
            let page = self
                .core
                .client
                .list_sandboxes(&list)
                .await
                .map_err(|error| error::with(SandboxErrorKind::Unavailable, "sandboxes cannot be listed", error))?;
            orphans.extend(page.items.into_iter().filter(|found| self.is_orphan(found)).map(|found| found.name));
            match page.next {
                // A server that returns the same cursor again would keep this loop going for ever.
                Some(next) if list.cursor.as_ref() != Some(&next) => list.cursor = Some(next),
                _ => break,
            }
        }
        let mut deleted = 0;
        for name in orphans {
            match self.core.client.delete_sandbox(&name).await {
                Ok(_) => deleted += 1,
                Err(error) if error::has_ended(&error) => {}
                Err(error) => tracing::warn!(
                    sandbox.id = name,
                    error = &error as &dyn std::error::Error,
                    "an orphaned sandbox could not be deleted; if it runs, its timeout ends it"
                ),
            }
        }
        if deleted > 0 {
            tracing::info!(sandboxes = deleted, "orphaned sandboxes were deleted");
        }
        Ok(deleted)
    }

    fn is_orphan(&self, found: &SandboxInfo) -> bool {
        // Check the tag again instead of trusting the API's filter: sandboxes that are not ours must not be deleted.
        let is_ours = found.tags.get(TAG) == Some(&self.core.options.installation);
        let end = found.timeout.and_then(|timeout| {
            let timeout = TimeDelta::try_milliseconds(i64::try_from(timeout).ok()?)?;
            found.created_at.checked_add_signed(timeout)
        });
        let end = found.expires_at.or(end);
        is_ours && (found.status.is_over() || end.is_some_and(|end| end + MARGIN < self.core.now()))
    }
}
