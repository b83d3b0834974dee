//! The conformance suite for every store.

/// Makes a module of tests, one for each expectation.
///
/// `store_conformance!(sqlite, make_store)` takes the name of the module, and an async function without arguments that
/// returns something that dereferences to a [`Store`](workers_domain::ports::Store) without a schema. The crate needs
/// tokio. A new expectation is written in [`worker_repository`](crate::worker_repository) or
/// [`transactions`](crate::transactions), and added to a list here.
#[macro_export]
macro_rules! store_conformance {
    ($backend:ident, $make_store:ident) => {
        mod $backend {
            use super::$make_store;

            // These run on the store's own repository and on the repository of a transaction.
            $crate::store_conformance! {
                @both $make_store,
                a_worker_is_found_as_it_was_inserted,
                a_worker_keeps_its_tenant,
                a_worker_of_another_tenant_is_not_found_listed_or_deleted,
                pages_of_one_tenant_hold_no_other,
                an_unknown_worker_is_not_found,
                a_source_is_found_byte_for_byte,
                a_source_of_ten_mebibytes_is_kept,
                a_source_with_a_nul_is_refused,
                names_are_kept_whatever_their_characters,
                a_thousand_functions_keep_their_order,
                text_that_looks_like_sql_is_only_text,
                workers_are_listed_newest_first,
                workers_of_the_same_time_are_listed_by_id,
                pages_lead_through_the_whole_list,
                a_cursor_that_is_of_no_page_is_refused,
                every_state_survives,
                a_state_replaces_all_of_the_one_before,
                a_change_of_state_touches_nothing_else,
                a_nul_in_an_error_message_does_not_lose_it,
                a_stale_update_is_refused,
                two_writers_cannot_both_win,
                snapshots_that_no_worker_needs_are_found,
                a_deleted_worker_stays_deleted,
                a_removed_worker_is_answered_once,
                invocations_only_move_forward,
                the_latest_of_several_times_counts,
                invocations_of_unknown_workers_are_skipped,
                due_workers_come_soonest_first,
                only_ready_workers_come_due,
                stuck_workers_come_oldest_first,
                times_are_kept_to_the_microsecond,
                fifty_inserts_at_once_all_arrive,
                concurrent_readers_and_writers_do_not_disturb_each_other,
            }
            $crate::store_conformance! {
                @each worker_repository, $make_store,
                a_second_worker_with_the_same_id_is_refused,
                pages_hold_what_was_there_throughout_once_whatever_comes_and_goes,
                a_future_that_is_dropped_leaves_the_repository_usable,
                set_up_creates_keeps_and_removes_only_if_asked,
                without_a_schema_every_call_says_so,
            }
            $crate::store_conformance! {
                @each transactions, $make_store,
                a_transaction_is_stored_whole_when_it_is_committed,
                a_transaction_that_is_dropped_leaves_nothing,
                a_transaction_alone_sees_what_it_has_changed_until_it_is_committed,
                of_transactions_that_were_decided_on_the_same_revision_one_wins,
                transactions_that_read_and_write_the_same_worker_lose_no_change,
                a_stale_update_in_a_transaction_is_a_conflict_and_the_rest_is_stored,
                after_a_refusal_by_the_database_a_transaction_stores_nothing,
                what_is_refused_before_the_database_is_asked_does_not_end_a_transaction,
                transactions_that_are_dropped_at_any_moment_give_their_connections_back,
                a_transaction_whose_beginning_is_given_up_leaves_the_store_usable,
                many_transactions_one_after_the_other_are_all_stored,
            }
        }
    };
    (@each $module:ident, $make_store:ident, $($expectation:ident,)+) => {
        $(
            #[tokio::test]
            async fn $expectation() {
                let store = $make_store().await;
                $crate::$module::$expectation(&*store).await;
            }
        )+
    };
    (@both $make_store:ident, $($expectation:ident,)+) => {
        $crate::store_conformance! { @each worker_repository, $make_store, $($expectation,)+ }

        mod in_a_transaction {
            use super::$make_store;

            $(
                #[tokio::test]
                async fn $expectation() {
                    let store = $make_store().await;
                    let within = $crate::transactions::InTransaction::begin(&*store).await;
                    $crate::worker_repository::$expectation(&within).await;
                    within.commit().await;
                }
            )+
        }
    };
}
