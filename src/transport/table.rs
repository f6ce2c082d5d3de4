//! `rpcs!`: the table that declares a service's messages and reads like an interface definition.
//!
//! A row is `"wire_name" Struct => Reply` and options: `repeatable` and `once` (see [`Message::REPEATABLE`](super::Message) and
//! [`Message::ONCE`](super::Message)),
//! `key = field` (the lane), `together` ([`Message::TOGETHER`](super::Message)), `key_with = function`, `schema = N`, `older = Type` (a [`super::Older`] for schemas before N).
//!
//! A table yields, in the module it stands in: the [`super::Message`] impls; `Handlers`, the bound over a handler of
//! every row; `routes::<H>()`; and `describe`, which shows every row to a [`Visit`].
//!
//! Invariants: a row without a struct, a handler without a row and a mounted row without a handler do not compile.

use super::message::Message;

/// Sees every message of a table, with its type.
pub trait Visit {
    /// One row.
    fn message<M: Message>(&mut self);
}

/// Declares the messages of one service; see the [module](crate::transport::table).
#[macro_export]
macro_rules! rpcs {
    (
        $service:ty;
        $($name:literal $message:ident => $reply:ty $(, $option:ident $(= $value:tt)?)*;)+
    ) => {
        $(
            impl $crate::transport::Message for $message {
                type To = $service;
                type Reply = $reply;
                const NAME: &'static str = $name;
                $($crate::rpcs!(@option $message, $option $(= $value)?);)*
            }
        )+

        /// A handler for every row of this table.
        pub trait Handlers: Send + Sync + 'static $(+ $crate::transport::Handle<$message>)+ {}

        impl<H: Send + Sync + 'static $(+ $crate::transport::Handle<$message>)+> Handlers for H {}

        /// The rows of this table, to be mounted.
        #[must_use]
        pub fn routes<H: Handlers>() -> $crate::transport::Routes<H> {
            $crate::transport::Routes::new()$(.route::<$message>())+
        }

        /// Shows every row of this table.
        pub fn describe<V: $crate::transport::Visit>(visit: &mut V) {
            $(visit.message::<$message>();)+
        }
    };
    (@option $message:ident, repeatable) => {
        const REPEATABLE: bool = true;
    };
    (@option $message:ident, once) => {
        const ONCE: bool = true;
    };
    (@option $message:ident, together) => {
        const TOGETHER: bool = true;
    };
    (@option $message:ident, schema = $schema:tt) => {
        const SCHEMA: u16 = $schema;
    };
    (@option $message:ident, key = $field:tt) => {
        fn key(&self) -> Option<$crate::transport::LaneKey> {
            Some($crate::transport::LaneKey::of(&self.$field))
        }
    };
    (@option $message:ident, key_with = $function:tt) => {
        fn key(&self) -> Option<$crate::transport::LaneKey> {
            $function(self)
        }
    };
    (@option $message:ident, older = $older:tt) => {
        fn upgrade(from: u16, body: &[u8]) -> Option<Self> {
            <$older as $crate::transport::Older<Self>>::read(from, body)
        }

        fn downgrade(&self, to: u16) -> Option<Vec<u8>> {
            <$older as $crate::transport::Older<Self>>::write(self, to)
        }

        fn upgrade_reply(from: u16, body: &[u8]) -> Option<Self::Reply> {
            <$older as $crate::transport::Older<Self>>::read_reply(from, body)
        }

        fn downgrade_reply(reply: &Self::Reply, to: u16) -> Option<Vec<u8>> {
            <$older as $crate::transport::Older<Self>>::write_reply(reply, to)
        }
    };
}
