//! How both databases handle more workers than are read at once.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use futures_util::future::join_all;
use workers_domain::ports::{ExistingWorkers, PageRequest, RemovedWorker, SetupOutcome, Store};
use workers_testing::{ThrowAwayPostgres, scope_of_all};

use crate::sqlite::url_in;
use crate::support::{connect, worker};

const MANY: usize = 2001;

/// Stores many workers, reads them in pages, and deletes them all.
async fn check(store: &dyn Store) {
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let workers: Vec<_> = (0..MANY).map(|_| worker()).collect();
    for some in workers.chunks(50) {
        join_all(some.iter().map(|worker| store.workers().insert(worker, "")))
            .await
            .into_iter()
            .for_each(Result::unwrap);
    }
    let stored: BTreeSet<_> = workers.iter().map(|worker| worker.id).collect();

    let (mut lengths, mut found, mut after) = (Vec::new(), BTreeSet::new(), None);
    loop {
        let request = PageRequest { after, limit: NonZeroU32::new(1000).unwrap() };
        let page = store.workers().list_page(&scope_of_all(), &request).await.unwrap();
        lengths.push(page.items.len());
        found.extend(page.items.iter().map(|worker| worker.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((lengths, found), (vec![1000, 1000, 1], stored.clone()));

    let SetupOutcome::Emptied(removed) = store.schema().set_up(ExistingWorkers::Remove).await.unwrap() else {
        panic!("there was a schema");
    };
    assert_eq!(removed.len(), MANY);
    assert_eq!(removed.iter().map(|RemovedWorker { id, .. }| *id).collect::<BTreeSet<_>>(), stored);
    assert_eq!(store.schema().set_up(ExistingWorkers::Keep).await.unwrap(), SetupOutcome::Kept(0));
}

#[tokio::test]
async fn on_sqlite_thousands_of_workers_are_read_in_pages_and_removed_to_the_last() {
    let directory = tempfile::tempdir().unwrap();
    check(&*connect(&url_in(directory.path())).await.store()).await;
}

#[tokio::test]
async fn on_postgres_thousands_of_workers_are_read_in_pages_and_removed_to_the_last() {
    let url = ThrowAwayPostgres::shared().create_database().await;
    check(&*connect(&url).await.store()).await;
}
