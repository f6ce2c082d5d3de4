//! The transport contract, on every transport and both kinds of runtime.

use std::sync::Arc;
use std::time::Duration;

use ordain::transport::suite::Rig;
use ordain::transport::{Chaos, ChaosPlan, InProcess, Transport};

fn typed() -> Arc<dyn Transport> {
    Arc::new(InProcess::typed())
}

fn through_codec() -> Arc<dyn Transport> {
    Arc::new(InProcess::through_codec())
}

ordain::transport_suite!(in_process_typed, Rig::paused(|| async { typed() }));
ordain::transport_suite!(in_process_through_codec, Rig::paused(|| async { through_codec() }));
ordain::transport_suite!(in_process_typed_on_threads, Rig::threaded(|| async { typed() }));
ordain::transport_suite!(in_process_through_codec_on_threads, Rig::threaded(|| async { through_codec() }));

/// Everything is late, but nothing is lost: points that do not depend on the order of arrival hold all the same.
fn late() -> Arc<dyn Transport> {
    let plan = ChaosPlan { delay: 1.0, longest_delay: Duration::from_millis(50), ..ChaosPlan::CALM };
    Chaos::over(through_codec(), 7, plan)
}

ordain::transport_suite!(@points in_process_late, Rig::paused(|| async { late() });
    calls: a_call_resolves_to_its_reply, a_fault_arrives_as_it_was_raised, the_context_travels_along,
        a_call_resolves_by_its_deadline, expired_work_is_refused_undone,
        dropping_the_call_does_not_cancel_the_work, without_an_instance_it_fails_at_once,
        an_addressed_call_reaches_that_instance, an_unknown_message_is_answered, an_unknown_schema_is_answered,
        an_unencodable_size_is_answered, services_may_call_from_any_thread;
    casts: a_cast_is_accepted_not_done;
    limits: work_in_progress_is_bounded, a_parcel_waits_no_longer_than_patience, a_panic_is_an_internal_fault,
        what_may_be_done_is_retried_only_if_repeatable;
    drain: a_drain_ends_at_its_deadline, dropping_the_mount_closes_at_once;
);
