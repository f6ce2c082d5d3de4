//! Lists of zones.
//!
//! Invariants: a zone shared with the caller's project is in the list once, like its own.

use super::super::list::List;
use super::row::{self, COLUMNS, FROM};
use crate::domain::page::{Page, PageRequest, Scope, ZoneFilter, ZoneSortKey};
use crate::domain::zone::Zone;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::Query;
use crate::store::value::args;

/// A page of the zones that the caller may see.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the caller may not see the marker or it is none.
pub async fn find(
    tx: &mut dyn Tx,
    scope: &Scope,
    filter: &ZoneFilter,
    page: &PageRequest<ZoneSortKey>,
) -> Result<Page<Zone>, StoreError> {
    let mut visible = Query::new(" WHERE z.deleted = '0'");
    and_visible(tx, &mut visible, scope).await?;
    let dialect = tx.dialect();
    let list = List { columns: COLUMNS, from: FROM, id: "z.id", sort: sort(page.sort_key) };
    let (rows, total) = list
        .page(tx, visible, page, |query| {
            query
                .and_name(dialect, "z.name_key", filter.name.as_deref())
                .and_text(dialect, "z.kind", filter.kind.as_deref())
                .and_text(dialect, "z.email", filter.email.as_deref())
                .and_text(dialect, "z.status", filter.status.as_deref())
                .and_text(dialect, "z.description", filter.description.as_deref())
                .and_decimal(dialect, "z.ttl", filter.ttl.as_deref());
            if let Some(end) = filter.name.as_deref().and_then(plain_end) {
                query.and_starts("z.name_rev", &end);
            }
            if filter.hide_catalogs {
                query.push(" AND z.kind <> 'CATALOG'");
            }
        })
        .await?;
    let items = rows.into_iter().map(row::zone).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

/// Appends ` AND the zone is the caller's, or shared with its project`.
pub(super) async fn and_visible(tx: &mut dyn Tx, query: &mut Query, scope: &Scope) -> Result<(), StoreError> {
    let project = match scope {
        Scope::AllProjects => return Ok(()),
        Scope::Project(None) => {
            query.push(" AND z.project_id IS NULL");
            return Ok(());
        }
        Scope::Project(Some(project)) => project,
    };
    let sql = "SELECT 1 AS one FROM shares WHERE target_project_id = $1 LIMIT 1";
    if tx.row(sql, args![project]).await?.is_none() {
        // Without the alternative the index by project and creation time serves pages directly.
        query.push(" AND z.project_id = ").bind(project);
        return Ok(());
    }
    query
        .push(" AND z.id IN (SELECT o.id FROM zones o WHERE o.deleted = '0' AND o.project_id = ")
        .bind(project);
    query.push(" UNION ALL SELECT s.zone_id FROM shares s WHERE s.target_project_id = ").bind(project);
    query.push(")");
    Ok(())
}

/// What the reversed keys of all matches start with, if the text ends plainly after its last wildcard.
fn plain_end(text: &str) -> Option<String> {
    let (_, end) = text.rsplit_once('*')?;
    (!end.is_empty()).then(|| end.chars().rev().map(|c| c.to_ascii_lowercase()).collect())
}

const fn sort(key: ZoneSortKey) -> &'static str {
    match key {
        ZoneSortKey::CreatedAt => "z.created_at",
        ZoneSortKey::Id => "z.id",
        ZoneSortKey::UpdatedAt => "COALESCE(z.updated_at, -1)",
        ZoneSortKey::Name => "z.name_key",
        ZoneSortKey::TenantId => "COALESCE(z.project_id, '')",
        ZoneSortKey::Serial => "z.serial",
        ZoneSortKey::Ttl => "z.ttl",
        ZoneSortKey::Status => "z.status",
    }
}
