//! Lists take long, and leave connections for the queries of invocations. SQLite's lists are tested beside its pool,
//! where a list can be blocked.

use futures_util::future::join_all;
use workers_domain::ports::ExistingWorkers;
use workers_testing::{AllWorkers as _, ThrowAwayPostgres, scope_of_all};

use crate::support::{connect_with, of, worker};

/// Returns SQL that fails unless, within five seconds, this many lists and this many searches for a source wait for the
/// locked table.
fn await_waiting(lists: usize, searches: usize) -> String {
    format!(
        "DO $$ DECLARE waiting record; BEGIN \
            FOR i IN 1..100 LOOP \
                PERFORM pg_stat_clear_snapshot(); \
                SELECT count(*) FILTER (WHERE query LIKE '%ORDER BY%created_at%') AS lists, \
                    count(*) FILTER (WHERE query LIKE '%source_code%') AS searches INTO waiting \
                FROM pg_stat_activity \
                WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid(); \
                IF waiting.lists = {lists} AND waiting.searches = {searches} THEN RETURN; END IF; \
                PERFORM pg_sleep(0.05); \
            END LOOP; \
            RAISE '% lists and % searches wait', waiting.lists, waiting.searches; \
        END $$"
    )
}

#[tokio::test]
async fn on_postgres_slow_lists_hold_a_quarter_of_the_connections_and_a_search_has_the_others() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let store = connect_with(&url, &of(8)).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let worker = worker();
    store.workers().insert(&worker, "source").await.unwrap();
    let lock = server.hold(&url, "LOCK TABLE workers").await;
    // More lists than there are connections. They start first.
    let lists = join_all((0..20).map(|_| store.workers().list()));
    let searches = async {
        server.execute(&url, &await_waiting(2, 0)).await;
        let scope = scope_of_all();
        join_all((0..6).map(|_| store.workers().find_source(&scope, worker.id))).await
    };
    let release = async {
        server.execute(&url, &await_waiting(2, 6)).await;
        drop(lock);
    };
    let (listed, found, ()) = tokio::join!(lists, searches, release);
    for list in listed {
        assert_eq!(list.unwrap(), std::slice::from_ref(&worker));
    }
    for source in found {
        assert_eq!(source.unwrap().as_deref(), Some("source"));
    }
}
