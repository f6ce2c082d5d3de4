//! What the properties of a message say: who asked, who wants the answer, until when it is of use.
//!
//! Invariants: the frame says all that a receiver acts on; properties only route it, bound its life in a queue and tell
//! operators what they see. A request expires a little before its caller stops waiting.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::topology::name;
use crate::domain::ids::RequestId;
use crate::transport::context::Cx;
use crate::transport::payload::Want;

/// The queue that stands for «answer me on the channel I sent this by».
pub(super) const REPLY_TO: &str = "amq.rabbitmq.reply-to";
/// Why a message is a dead letter.
pub(super) const REASON: &str = "x-ordain-reason";
/// Which queue a dead letter was in.
const QUEUE: &str = "x-ordain-queue";
/// How often quorum queues have delivered a message before.
const DELIVERIES: &str = "x-delivery-count";

/// The context as the receiver gets it: it gives up early enough for its answer to arrive in time.
pub(super) fn shortened(cx: &Cx) -> Cx {
    const LONGEST: Duration = Duration::from_millis(100);
    let left = cx.remaining();
    cx.within(left.saturating_sub((left / 5).min(LONGEST)))
}

/// The properties of a request.
pub(super) fn request(cx: &Cx, method: &str, want: Want, id: u64, stamp: ShortString) -> BasicProperties {
    let properties = expiring(BasicProperties::default(), cx)
        .with_app_id(stamp)
        .with_correlation_id(name(id.to_string()))
        .with_type(name(method.to_owned()));
    match want {
        Want::Reply => properties.with_reply_to(REPLY_TO.into()),
        Want::Acceptance => properties,
    }
}

/// What waits in a queue as long as its answer is of use.
pub(super) fn expiring(properties: BasicProperties, cx: &Cx) -> BasicProperties {
    let life = cx.remaining().as_millis().clamp(1, u128::from(u32::MAX));
    properties.with_expiration(name(life.to_string()))
}

/// When a request was written, by its sender's clock.
pub(super) fn stamp(request: &BasicProperties) -> Option<&str> {
    request.app_id().as_ref().map(ShortString::as_str)
}

/// The number that a request was sent under.
pub(super) fn number(properties: &BasicProperties) -> Option<u64> {
    properties.correlation_id().as_ref()?.as_str().parse().ok()
}

/// Where an answer goes.
#[derive(Debug, Clone)]
pub(super) struct ReturnAddress {
    pub(super) queue: ShortString,
    correlation: ShortString,
}

impl ReturnAddress {
    /// Where the sender of a request wants its answer, if it wants one.
    pub(super) fn of(request: &BasicProperties) -> Option<Self> {
        let queue = request.reply_to().clone()?;
        let correlation = request.correlation_id().clone().unwrap_or_default();
        Some(Self { queue, correlation })
    }

    /// The properties of the answer of an instance.
    pub(super) fn properties(&self, by: &ShortString) -> BasicProperties {
        BasicProperties::default().with_correlation_id(self.correlation.clone()).with_app_id(by.clone())
    }
}

/// How often the message was delivered before, as far as the broker counts.
pub(super) fn deliveries(properties: &BasicProperties) -> u64 {
    let count = properties.headers().as_ref().and_then(|headers| headers.inner().get(DELIVERIES));
    count.and_then(AMQPValue::as_long_long_int).and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

/// The properties of a dead letter, of this request if that can be read.
pub(super) fn dead(
    original: &BasicProperties,
    request: Option<RequestId>,
    queue: &str,
    reason: &str,
) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(REASON.into(), AMQPValue::LongString(reason.into()));
    headers.insert(QUEUE.into(), AMQPValue::LongString(queue.into()));
    let mut properties = BasicProperties::default().with_headers(headers).with_delivery_mode(2);
    if let Some(kind) = original.kind() {
        properties = properties.with_type(kind.clone());
    }
    if let Some(request) = request {
        properties = properties.with_message_id(name(request.to_string()));
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_receiver_gives_up_before_the_caller() {
        let left = |millis| shortened(&Cx::system(Duration::from_millis(millis))).remaining().as_millis();
        assert_eq!((left(100), left(10_000), left(0)), (80, 9_900, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_never_lives_for_ever() {
        let cx = Cx::system(Duration::ZERO);
        let properties = request(&cx, "echo", Want::Acceptance, 7, "me".into());
        assert_eq!(properties.expiration().as_ref().map(ShortString::as_str), Some("1"));
        assert_eq!((number(&properties), ReturnAddress::of(&properties).is_none()), (Some(7), true));
    }
}
