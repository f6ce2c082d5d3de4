//! Values that go into statements and come out of rows.
//!
//! Invariants: an engine gives back the value it was given, as itself or in its storage form (a boolean may come back
//! as 0 or 1, an id as 16 octets); the getters of [`Row`](super::row::Row) know both.

use uuid::Uuid;

use super::error::StoreError;
use crate::domain::generation::Generation;
use crate::domain::ids::{
    AlsoNotifyId, BlacklistId, FloatingIpId, InstanceId, NameserverId, NsRecordId, PoolId, ProjectId,
    RecordsetId, ServiceStatusId, ShareId, StaticTokenId, TargetId, TaskId, TldId, TransferAcceptId,
    TransferRequestId, TsigKeyId, ZoneId,
};
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::shard::Shard;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;

/// One argument or one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// Every whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// An id.
    Uuid(Uuid),
    /// Octets.
    Bytes(Vec<u8>),
}

/// The arguments of a statement, `$1` first.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::value::Value::from($value)),*] };
}
pub(crate) use args;

macro_rules! values {
    ($($from:ty => |$value:ident| $to:expr;)+) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $to
            }
        }
    )+};
}

values! {
    bool => |value| Self::Bool(value);
    i64 => |value| Self::Int(value);
    u16 => |value| Self::Int(i64::from(value));
    u32 => |value| Self::Int(i64::from(value));
    u64 => |value| Self::Int(i64::try_from(value).unwrap_or(i64::MAX));
    usize => |value| Self::Int(i64::try_from(value).unwrap_or(i64::MAX));
    String => |value| Self::Text(value);
    &str => |value| Self::Text(value.to_owned());
    Uuid => |value| Self::Uuid(value);
    &ProjectId => |value| Self::Text(value.as_str().to_owned());
    Timestamp => |value| Self::Int(value.micros());
    Generation => |value| Self::from(value.number());
    Serial => |value| Self::from(value.number());
    Ttl => |value| Self::from(value.seconds());
    Shard => |value| Self::from(value.number());
    RecordType => |value| Self::Text(value.to_string());
}

macro_rules! ids {
    ($($id:ty),+) => {$(
        impl From<$id> for Value {
            fn from(id: $id) -> Self {
                Self::Uuid(id.uuid())
            }
        }
    )+};
}

ids!(
    ZoneId,
    RecordsetId,
    PoolId,
    TargetId,
    NameserverId,
    NsRecordId,
    AlsoNotifyId,
    TsigKeyId,
    StaticTokenId,
    ServiceStatusId,
    InstanceId,
    TldId,
    BlacklistId,
    ShareId,
    TransferRequestId,
    TransferAcceptId,
    TaskId,
    FloatingIpId
);

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A value as JSON text, as lists and maps are kept.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::corrupt("json", &e))
}
