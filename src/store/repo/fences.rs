//! The fencing check inside a transaction: who lost a lease cannot write, whatever its clock says.
//!
//! Invariants: the token kept for a resource only grows.

use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// Passes if no greater token was ever used for the resource, and remembers this one. To be called in the transaction
/// whose writes it guards.
///
/// # Errors
/// [`StoreError::Fenced`] if a greater token was used; the transaction can only be rolled back then.
pub async fn claim(tx: &mut dyn Tx, resource: &str, token: u64) -> Result<(), StoreError> {
    let sql = "INSERT INTO fences (resource, token) VALUES ($1, $2) ON CONFLICT (resource) DO UPDATE \
               SET token = excluded.token WHERE fences.token <= excluded.token";
    if tx.run(sql, args![resource, token]).await? == 0 {
        let error = StoreError::Fenced { resource: resource.to_owned() };
        tx.doom(error.clone());
        return Err(error);
    }
    Ok(())
}
