//! The transport contract, on every transport and both kinds of runtime.

use std::sync::Arc;

use ordain::transport::suite::Rig;
use ordain::transport::{InProcess, Transport};

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
