//! Values as PostgreSQL sends them.
//!
//! Invariants: the type of an argument is the one the statement needs, and a value of another type is refused before
//! anything is sent; a column of a type that no value has is a failure, never a guess.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::store::value::Value;

/// Octets of one value; all of a statement's go into one message of at most 2 GiB.
const LARGEST: usize = 1 << 28;

impl Value {
    /// True if it can be sent where the statement wants this type.
    pub(super) fn fits(&self, ty: &Type) -> bool {
        match (self, ty) {
            (Self::Null, _)
            | (Self::Bool(_), &Type::BOOL)
            | (Self::Int(_), &Type::INT8)
            | (Self::Uuid(_), &Type::UUID) => true,
            (Self::Int(number), &Type::INT4) => i32::try_from(*number).is_ok(),
            (Self::Int(number), &Type::INT2) => i16::try_from(*number).is_ok(),
            (Self::Text(text), &(Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN)) => {
                text.len() <= LARGEST
            }
            (Self::Bytes(octets), &Type::BYTEA) => octets.len() <= LARGEST,
            _ => false,
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Bool(truth), &Type::BOOL) => truth.to_sql(ty, out),
            (Self::Int(number), &Type::INT8) => number.to_sql(ty, out),
            (Self::Int(number), &Type::INT4) => i32::try_from(*number)?.to_sql(ty, out),
            (Self::Int(number), &Type::INT2) => i16::try_from(*number)?.to_sql(ty, out),
            (Self::Text(text), &(Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN)) => {
                text.to_sql(ty, out)
            }
            (Self::Uuid(uuid), &Type::UUID) => uuid.to_sql(ty, out),
            (Self::Bytes(octets), &Type::BYTEA) => octets.to_sql(ty, out),
            _ => Err(format!("the statement wants {ty} there").into()),
        }
    }

    fn accepts(_ty: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *ty {
            Type::BOOL => Self::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => Self::Text(String::from_sql(ty, raw)?),
            Type::UUID => Self::Uuid(Uuid::from_sql(ty, raw)?),
            Type::BYTEA => Self::Bytes(raw.to_vec()),
            _ => return Err(format!("{ty} is no type of this program").into()),
        })
    }

    fn from_sql_null(_ty: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_ty: &Type) -> bool {
        true
    }
}
