//! Lists by pages.
//!
//! Invariants: the order is by the sort expression, then by id, so it is total; a sort expression is never NULL, so that
//! comparing keys finds every row; a page starts after its marker's place, even if filters no longer match the marker.

use crate::domain::page::{Direction, PageRequest};
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;

/// What a list is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    /// The columns of an item.
    pub(super) columns: &'static str,
    /// The tables.
    pub(super) from: &'static str,
    /// The id column.
    pub(super) id: &'static str,
    /// The leading sort expression, never NULL.
    pub(super) sort: &'static str,
}

impl List {
    /// The rows of a page, and how many match in all. `scope` (from WHERE on) says which rows there are for the caller;
    /// `filter` appends what the caller asks for.
    pub(super) async fn page<K>(
        self,
        tx: &mut dyn Tx,
        scope: Query,
        page: &PageRequest<K>,
        filter: impl FnOnce(&mut Query),
    ) -> Result<(Vec<Row>, u64), StoreError>
    where
        K: Sync,
    {
        let Self { columns, from, id, sort } = self;
        let (dir, after) = match page.direction {
            Direction::Ascending => ("ASC", ">"),
            Direction::Descending => ("DESC", "<"),
        };
        let mut matching = scope.clone();
        filter(&mut matching);
        let count = format!("SELECT count(*) AS n FROM {from}{}", matching.sql);
        let total = tx.count(count, matching.args.clone()).await?;
        if let Some(marker) = page.marker {
            let mut find = scope;
            find.push(" AND ").push(id).push(" = ").bind(marker);
            let sql = format!("SELECT {sort} AS k FROM {from}{}", find.sql);
            let mut row = tx.row(sql, find.args).await?.ok_or(StoreError::MarkerNotFound)?;
            matching.push(&format!(" AND ({sort}, {id}) {after} ("));
            matching.bind(row.value("k")?).push(", ").bind(marker).push(")");
        }
        matching.push(&format!(" ORDER BY {sort} {dir}, {id} {dir} LIMIT ")).bind(page.limit);
        let sql = format!("SELECT {columns} FROM {from}{}", matching.sql);
        Ok((tx.rows(sql, matching.args).await?, total))
    }
}
