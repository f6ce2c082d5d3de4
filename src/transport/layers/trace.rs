//! One span per parcel: everything a handler logs is found by its request id.

use tracing::Span;

use crate::transport::payload::Parcel;

/// The span that a parcel is handled in.
pub(in crate::transport) fn span(service: &'static str, parcel: &Parcel) -> Span {
    tracing::info_span!(
        "rpc",
        service,
        method = parcel.method.as_str(),
        request_id = %parcel.cx.request,
        trace_parent = %parcel.cx.trace,
        project_id = parcel.cx.caller.project.as_ref().map(tracing::field::display),
    )
}
