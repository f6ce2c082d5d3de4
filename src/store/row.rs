//! One row of an answer, read by column name.
//!
//! Invariants: a getter moves its value out, so each column is read once; a missing column or a wrong type is a
//! [`StoreError::Corrupt`], never a panic.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::error::StoreError;
use super::value::Value;
use crate::domain::generation::Generation;
use crate::domain::name::Name;
use crate::domain::record_type::RecordType;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;

/// A row.
#[derive(Debug)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
    /// Where the next column is looked for first: rows are mostly read from left to right.
    next: usize,
}

impl Row {
    /// A row; `columns` names `values`, one to one.
    #[must_use]
    pub const fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values, next: 0 }
    }

    fn place(&mut self, column: &str) -> Result<usize, StoreError> {
        let at = if self.columns.get(self.next).is_some_and(|c| c == column) {
            self.next
        } else {
            let found = self.columns.iter().position(|c| c == column);
            found.ok_or_else(|| StoreError::corrupt(column, "not in the answer"))?
        };
        self.next = at + 1;
        Ok(at)
    }

    /// The value itself.
    ///
    /// # Errors
    /// If the answer has no such column.
    pub fn value(&mut self, column: &str) -> Result<Value, StoreError> {
        let at = self.place(column)?;
        Ok(self.values.get_mut(at).map_or(Value::Null, |v| std::mem::replace(v, Value::Null)))
    }

    /// A number.
    ///
    /// # Errors
    /// If it is none, or NULL.
    pub fn int(&mut self, column: &str) -> Result<i64, StoreError> {
        self.int_opt(column)?.ok_or_else(|| null(column))
    }

    /// A number or NULL.
    ///
    /// # Errors
    /// If it is neither.
    pub fn int_opt(&mut self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Int(number) => Ok(Some(number)),
            other => Err(wrong(column, "a number", &other)),
        }
    }

    /// A number in the range of `T`.
    ///
    /// # Errors
    /// If it is NULL or outside that range.
    pub fn number<T: TryFrom<i64>>(&mut self, column: &str) -> Result<T, StoreError> {
        let number = self.int(column)?;
        T::try_from(number).map_err(|_| StoreError::corrupt(column, &format!("{number} is out of range")))
    }

    /// True or false.
    ///
    /// # Errors
    /// If it is neither.
    pub fn bool(&mut self, column: &str) -> Result<bool, StoreError> {
        match self.value(column)? {
            Value::Bool(truth) => Ok(truth),
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            other => Err(wrong(column, "a boolean", &other)),
        }
    }

    /// Text.
    ///
    /// # Errors
    /// If it is none, or NULL.
    pub fn text(&mut self, column: &str) -> Result<String, StoreError> {
        self.text_opt(column)?.ok_or_else(|| null(column))
    }

    /// Text or NULL.
    ///
    /// # Errors
    /// If it is neither.
    pub fn text_opt(&mut self, column: &str) -> Result<Option<String>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(wrong(column, "text", &other)),
        }
    }

    /// An id.
    ///
    /// # Errors
    /// If it is none, or NULL.
    pub fn id<T: From<Uuid>>(&mut self, column: &str) -> Result<T, StoreError> {
        self.id_opt(column)?.ok_or_else(|| null(column))
    }

    /// An id or NULL.
    ///
    /// # Errors
    /// If it is neither.
    pub fn id_opt<T: From<Uuid>>(&mut self, column: &str) -> Result<Option<T>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Uuid(uuid) => Ok(Some(uuid.into())),
            Value::Bytes(octets) => {
                let uuid = Uuid::from_slice(&octets).map_err(|e| StoreError::corrupt(column, &e))?;
                Ok(Some(uuid.into()))
            }
            other => Err(wrong(column, "an id", &other)),
        }
    }

    /// Octets.
    ///
    /// # Errors
    /// If it is none, or NULL.
    pub fn bytes(&mut self, column: &str) -> Result<Vec<u8>, StoreError> {
        match self.value(column)? {
            Value::Bytes(octets) => Ok(octets),
            other => Err(wrong(column, "octets", &other)),
        }
    }

    /// A value kept as JSON text.
    ///
    /// # Errors
    /// If it is no JSON, or not of this shape.
    pub fn json<T: DeserializeOwned>(&mut self, column: &str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|e| StoreError::corrupt(column, &e))
    }

    /// A time.
    ///
    /// # Errors
    /// If it is none, or NULL.
    pub fn time(&mut self, column: &str) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp::from_micros)
    }

    /// A time or NULL.
    ///
    /// # Errors
    /// If it is neither.
    pub fn time_opt(&mut self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.int_opt(column)?.map(Timestamp::from_micros))
    }

    pub(super) fn generation(&mut self, column: &str) -> Result<Generation, StoreError> {
        self.number::<u64>(column).map(Generation::new)
    }

    pub(super) fn name(&mut self, column: &str) -> Result<Name, StoreError> {
        let text = self.text(column)?;
        Name::parse(&text).map_err(|e| StoreError::corrupt(column, &e))
    }

    pub(super) fn ttl(&mut self, column: &str) -> Result<Ttl, StoreError> {
        self.ttl_opt(column)?.ok_or_else(|| null(column))
    }

    pub(super) fn ttl_opt(&mut self, column: &str) -> Result<Option<Ttl>, StoreError> {
        let seconds = self.int_opt(column)?;
        seconds.map(|s| Ttl::new(s).map_err(|e| StoreError::corrupt(column, &e))).transpose()
    }

    pub(super) fn record_type(&mut self, column: &str) -> Result<RecordType, StoreError> {
        self.parsed(column, |text| text.parse().ok())
    }

    /// Text that `parse` understands.
    pub(super) fn parsed<T>(
        &mut self,
        column: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        parse(&text).ok_or_else(|| StoreError::corrupt(column, &format!("'{text}' is not known")))
    }
}

fn null(column: &str) -> StoreError {
    StoreError::corrupt(column, "is NULL")
}

fn wrong(column: &str, wanted: &str, found: &Value) -> StoreError {
    let found = match found {
        Value::Null => "NULL",
        Value::Bool(_) => "a boolean",
        Value::Int(_) => "a number",
        Value::Text(_) => "text",
        Value::Uuid(_) => "an id",
        Value::Bytes(_) => "octets",
    };
    StoreError::corrupt(column, &format!("wanted {wanted}, found {found}"))
}
