//! Lists of recordsets.
//!
//! Invariants: a recordset with several records that match is in the list once.

use super::super::list::List;
use super::row::{self, COLUMNS, STATUS};
use crate::domain::ids::ZoneId;
use crate::domain::page::{Page, PageRequest, RecordsetFilter, RecordsetSortKey, Scope};
use crate::domain::recordset::Recordset;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::Query;

/// Which recordsets a list is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    /// All of one zone.
    Zone(ZoneId),
    /// Those owned by the caller's project, in whatever zone, or everybody's.
    Owned(Scope),
}

/// A page of recordsets.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    within: &Within,
    filter: &RecordsetFilter,
    page: &PageRequest<RecordsetSortKey>,
) -> Result<Page<Recordset>, StoreError> {
    let mut scope = Query::new(" WHERE z.deleted = '0'");
    match within {
        Within::Zone(zone) => scope.push(" AND r.zone_id = ").bind(*zone),
        Within::Owned(Scope::AllProjects) => &mut scope,
        Within::Owned(Scope::Project(None)) => scope.push(" AND r.project_id IS NULL"),
        Within::Owned(Scope::Project(Some(project))) => scope.push(" AND r.project_id = ").bind(project),
    };
    let dialect = tx.dialect();
    let from = "recordsets r JOIN zones z ON z.id = r.zone_id";
    let list = List { columns: COLUMNS, from, id: "r.id", sort: sort(page.sort_key) };
    let (rows, total) = list
        .page(tx, scope, page, |query| {
            query
                .and_name(dialect, "r.name_key", filter.name.as_deref())
                .and_text(dialect, "r.kind", filter.kind.as_deref())
                .and_decimal(dialect, "r.ttl", filter.ttl.as_deref())
                .and_text(dialect, STATUS, filter.status.as_deref())
                .and_text(dialect, "r.description", filter.description.as_deref());
            if let Some(zone) = filter.zone_id {
                query.push(" AND r.zone_id = ").bind(zone);
            }
            if let Some(data) = filter.data.as_deref() {
                let each = dialect.each_text("r.records");
                query.push(" AND EXISTS (SELECT 1 FROM ").push(&each).push(" WHERE TRUE");
                query.and_text(dialect, "d.value", Some(data)).push(")");
            }
        })
        .await?;
    let items = rows.into_iter().map(row::recordset).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

const fn sort(key: RecordsetSortKey) -> &'static str {
    match key {
        RecordsetSortKey::CreatedAt => "r.created_at",
        RecordsetSortKey::Id => "r.id",
        RecordsetSortKey::UpdatedAt => "COALESCE(r.updated_at, -1)",
        RecordsetSortKey::ZoneId => "r.zone_id",
        RecordsetSortKey::TenantId => "COALESCE(r.project_id, '')",
        RecordsetSortKey::Name => "r.name_key",
        RecordsetSortKey::Type => "r.kind",
        RecordsetSortKey::Ttl => "COALESCE(r.ttl, -1)",
    }
}
