//! What the lists of simple resources have in common: what of them is wanted, and how they and their items are shown.
//!
//! Invariants: every list refuses parameters that it does not know.

use schemars::JsonSchema;
use std::fmt;

use actix_web::HttpResponse;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::page::{NamedSortKey, Page, PageRequest, PlainSortKey};
use crate::http::context::Ctx;
use crate::http::error::{ApiError, Printed};
use crate::http::paging::{Count, List, only, page};

/// Sort keys of things with a name.
pub(super) const BY_NAME: [(&str, NamedSortKey); 4] = named("name");
/// The same for things whose name is a pattern.
pub(super) const BY_PATTERN: [(&str, NamedSortKey); 4] = named("pattern");
/// Sort keys of things without a name.
pub(super) const PLAIN: [(&str, PlainSortKey); 3] = [
    ("created_at", PlainSortKey::CreatedAt),
    ("id", PlainSortKey::Id),
    ("updated_at", PlainSortKey::UpdatedAt),
];

/// The same without the id.
pub(super) const BY_TIME: [(&str, PlainSortKey); 2] =
    [("created_at", PlainSortKey::CreatedAt), ("updated_at", PlainSortKey::UpdatedAt)];

const fn named(name: &'static str) -> [(&'static str, NamedSortKey); 4] {
    [
        ("created_at", NamedSortKey::CreatedAt),
        ("id", NamedSortKey::Id),
        ("updated_at", NamedSortKey::UpdatedAt),
        (name, NamedSortKey::Name),
    ]
}

/// What of a list with these sort keys and filters is wanted.
pub(super) fn wanted<K: Copy>(
    ctx: &Ctx,
    keys: &[(&str, K)],
    default: K,
    filters: &[&'static str],
) -> Result<PageRequest<K>, ApiError> {
    let page = page(&ctx.query, &ctx.api.settings, keys, default)?;
    only(&ctx.query, filters)?;
    Ok(page)
}

/// The text that a filter asks for.
pub(super) fn filter(ctx: &Ctx, name: &str) -> Option<String> {
    ctx.query.get(name).map(str::to_owned)
}

/// How a list is called, where it is, and whether it tells how many match.
pub(super) struct Shown<'a> {
    pub(super) collection: &'static str,
    pub(super) path: &'a dyn fmt::Display,
    pub(super) counted: bool,
}

impl Shown<'_> {
    /// The page that was found, each item as `view` shows it.
    pub(super) fn page<'i, T, V: Serialize>(
        &self,
        ctx: &Ctx,
        limit: u64,
        found: &'i Page<T>,
        id: impl Fn(&T) -> Uuid,
        view: impl Fn(&'i T) -> V,
    ) -> HttpResponse {
        let last = found.items.last().map(id);
        let list = List {
            collection: self.collection,
            path: self.path,
            items: found.items.iter().map(view).collect(),
            last: last.as_ref().map(|id| id as &dyn fmt::Display),
            limit,
            count: found.total.filter(|_| self.counted).map_or(Count::Absent, Count::Total),
        };
        list.respond(ctx)
    }
}

/// Where a thing is.
pub(super) struct Url<'a> {
    pub(super) base: &'a str,
    /// The path of its collection.
    pub(super) path: &'static str,
    pub(super) id: Uuid,
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}/{}", self.base, self.path, self.id)
    }
}

/// The links of a thing that has none but to itself.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct SelfLink<'a> {
    #[serde(rename = "self")]
    own: Printed<Url<'a>>,
}

impl<'a> SelfLink<'a> {
    pub(super) const fn new(base: &'a str, path: &'static str, id: Uuid) -> Self {
        Self { own: Printed(Url { base, path, id }) }
    }
}
