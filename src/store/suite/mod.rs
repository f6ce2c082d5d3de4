//! What every database engine must do: the contract of [`crate::store`], point by point.
//!
//! ```ignore
//! ordain::store_suite!(sqlite_in_memory, ordain::store::suite::Rig::new(|| async {
//!     ordain::store::suite::Bench::new(Store::open("sqlite::memory:").await.unwrap())
//! }));
//! ```
//! makes a module `sqlite_in_memory` with one test per point, each on a database of its own.
//!
//! Invariants: the points speak to the database only through the store's public parts; they run on several threads and
//! in real time, since an engine may live behind a socket.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a point that cannot go on has failed, and says so by panicking"
)]

pub mod batches;
pub mod fixtures;
pub mod handover;
pub mod journal;
pub mod names;
pub mod order;
pub mod pools;
pub mod recordsets;
pub mod refreshes;
pub mod secrets;
pub mod tasks;
pub mod transactions;
pub mod transfer;
pub mod tree;
pub mod types;
pub mod upkeep;
pub mod zones;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Store, StoreError, Tx};

/// Longer than any point takes.
const LIMIT: Duration = Duration::from_secs(120);

type Open<T> = Box<dyn Fn() -> BoxFuture<'static, T> + Send + Sync>;

/// How to make an empty database.
pub struct Rig(Open<Bench>);

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rig")
    }
}

impl Rig {
    /// `open` makes an empty database; it is migrated here.
    pub fn new<F>(open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Bench> + Send + 'static,
    {
        Self(Box::new(move || open().boxed()))
    }

    /// Runs one point on a database of its own.
    pub fn run<F: Future<Output = ()>>(&self, point: impl FnOnce(Bench) -> F) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(async {
            let bench = (self.0)().await;
            bench.store.migrate().await.unwrap();
            let finished = tokio::time::timeout(LIMIT, point(bench)).await;
            assert!(finished.is_ok(), "the point did not finish");
        });
    }
}

/// A database under test.
#[derive(Clone)]
pub struct Bench {
    /// The store on it.
    pub store: Store,
    again: Option<Arc<Open<Store>>>,
    kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("store", &self.store).field("kept", &self.kept.is_some()).finish()
    }
}

impl Bench {
    /// A database that ends with its store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store, again: None, kept: None }
    }

    /// A database that outlives its store: `again` opens it anew, as another process would; `kept` holds what it
    /// lives in.
    #[must_use]
    pub fn lasting<F>(
        self,
        again: impl Fn() -> F + Send + Sync + 'static,
        kept: impl Any + Send + Sync,
    ) -> Self
    where
        F: Future<Output = Store> + Send + 'static,
    {
        let again: Open<Store> = Box::new(move || again().boxed());
        Self { again: Some(Arc::new(again)), kept: Some(Arc::new(kept)), ..self }
    }

    /// The same database, opened once more; `None` if it ends with its store.
    pub(crate) async fn again(&self) -> Option<Store> {
        match &self.again {
            Some(again) => Some(again().await),
            None => None,
        }
    }

    /// Does `work` in a transaction; it must succeed.
    pub(crate) async fn write<'a, T: Send>(
        &self,
        work: impl for<'t> Fn(&'t mut (dyn Tx + 'a)) -> BoxFuture<'t, Result<T, StoreError>> + Send,
    ) -> T {
        self.store.transact(work).await.unwrap()
    }

    /// Does `work` on one state of the database; it must succeed.
    pub(crate) async fn read<'a, T: Send>(
        &self,
        work: impl for<'t> FnOnce(&'t mut (dyn Tx + 'a)) -> BoxFuture<'t, Result<T, StoreError>> + Send,
    ) -> T {
        self.store.read(work).await.unwrap()
    }
}

/// Makes a module `$name` with one test per point of the contract, run on the databases of `$rig`.
#[macro_export]
macro_rules! store_suite {
    ($name:ident, $rig:expr) => {
        $crate::store_suite!(@points $name, $rig;
            types: values_come_back_as_they_went_in, arguments_go_by_number, wrong_types_are_told_not_guessed,
                migrating_again_changes_nothing;
            transactions: a_commit_is_seen_by_later_readers, an_error_rolls_back,
                a_dropped_transaction_leaves_no_trace, a_dropped_statement_leaves_no_trace,
                a_failed_transaction_cannot_be_committed, a_reader_sees_one_state, a_reader_cannot_write,
                a_taken_key_is_named, a_missing_reference_is_told, concurrent_writers_lose_nothing,
                a_collision_runs_the_whole_again, collisions_without_end_are_given_up,
                what_was_committed_outlives_the_store;
            batches: statements_keep_their_order, many_statements_are_done_though_nobody_waits,
                what_must_change_a_row_undoes_all_if_it_does_not, a_failure_nobody_waited_for_undoes_all,
                a_value_that_does_not_fit_undoes_all, what_waits_goes_with_its_transaction, a_reader_writes_nothing_later,
                the_ground_of_a_change, an_advance_is_written, a_publish_is_written, the_sight_of_a_publisher;
            zones: every_field_comes_back, a_name_is_taken_once_per_pool_without_case, who_sees_a_zone,
                an_update_writes_every_field_and_the_next_version, an_outdated_zone_is_not_written,
                a_gone_zone_frees_its_name, zones_are_counted_per_project_and_pool, filters_select,
                only_the_star_is_a_wildcard, a_filter_may_be_too_much, a_shared_zone_is_listed_once;
            tree: ancestors_are_nearest_first, descendants_end_at_label_borders, descendants_are_found_beyond_a_batch,
                children_are_counted_and_moved;
            order: zones_page_in_a_total_order, recordsets_page_in_a_total_order, rows_never_updated_come_first,
                an_unknown_marker_is_told, a_marker_need_not_match_the_filter;
            recordsets: every_field_of_a_set_comes_back, a_name_and_type_are_taken_once_per_zone,
                status_follows_the_zone, filters_select_sets, data_is_found_once_per_set, owners_list_their_sets,
                who_sees_a_set, an_outdated_set_is_not_written, types_at_a_name, going_through_a_zone_misses_nothing,
                generated_sets_stay_the_same_row, many_sets_are_written_at_once, a_ptr_is_of_one_floating_ip;
            journal: lines_keep_their_order, generations_are_cut_out, trimming_forgets_versions_it_breaks,
                unpublished_lines_are_not_trimmed, the_newest_lines_have_a_horizon, another_default_ttl_forgets_versions;
            transfer: changes_after_the_publish_are_undone, a_publish_shows_them, the_default_ttl_is_that_of_the_publish,
                the_soa_comes_apart, small_zones_come_together, a_transfer_is_of_one_state, names_find_their_zones;
            pools: a_pool_comes_back, unchanged_parts_keep_their_ids, the_version_grows_only_with_changes,
                pool_names_are_taken_once, a_removed_pool_takes_its_parts_along, another_ns_set_is_work;
            upkeep: lagging_zones_come_longest_due_first, the_feed_tells_what_dns_shows, the_feed_outlives_clocks_that_go_back,
                purging_takes_everything_along, quotas_fall_back_to_defaults, statuses_follow_heartbeats,
                older_tokens_are_fenced, an_outcome_is_kept_once, notifications_wait_in_order, a_zone_is_claimed_by_one_worker,
                newest_observations_count, shares_are_once_per_project;
            refreshes: a_refresh_is_asked_for_once, what_is_due_comes_longest_due_first,
                a_due_time_is_moved_by_who_set_it, a_zone_from_elsewhere_is_withheld_until_it_came;
            names: tlds_are_kept, patterns_are_kept, tsig_keys_are_kept;
            tasks: jobs_are_seen_by_their_project, a_job_is_held_by_one, pools_come_by_pages;
            handover: who_sees_a_share, a_zone_has_one_active_offer, an_acceptance_goes_with_its_offer, recordsets_change_hands;
            secrets: a_static_token_is_found_by_its_hash, secrets_are_sealed_and_keys_exchanged;
        );
    };
    (@points $name:ident, $rig:expr; $($group:ident: $($point:ident),+;)+) => {
        mod $name {
            use super::*;
            $($(
                #[test]
                fn $point() {
                    ($rig).run($crate::store::suite::$group::$point);
                }
            )+)+
        }
    };
}
