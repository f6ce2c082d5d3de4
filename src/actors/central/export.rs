//! A zone as a file: [`super::api::tasks::ReadExport`].
//!
//! Invariants: SOA first, then by name and type; a part says of which state of the zone it is, and whoever puts parts
//! together sees whether they belong together.

use std::fmt::Write as _;

use super::api::tasks::{ExportOf, ExportPart, ReadExport};
use super::authorize::scope;
use super::error::CentralError;
use super::{CentralService, refusals};
use crate::domain::ids::ZoneId;
use crate::domain::policy::{Rule, Target};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::task::{TaskKind, TaskStatus};
use crate::domain::zonefile::write_header;
use crate::store::repo::recordsets::{self, Place};
use crate::store::repo::zones;
use crate::transport::{Cx, Fault, Handle};

/// Recordsets of one part.
const PART: u32 = 2000;

impl Handle<ReadExport> for CentralService {
    async fn handle(&self, cx: &Cx, m: ReadExport) -> Result<ExportPart, Fault> {
        self.allow(cx, Rule::ZoneExport, &Target::owned_by(cx.caller.project.as_ref()))?;
        let zone = match m.of {
            ExportOf::Zone(zone) => zone,
            ExportOf::Task(id) => {
                let task = self.task(cx, TaskKind::Export, id).await?;
                if task.status != TaskStatus::Complete {
                    return Err(refusals::bad_request("The export is not complete"));
                }
                task.zone_id.ok_or_else(refusals::zone_not_found)?
            }
        };
        let seen = self.visible_zone(cx, zone).await?;
        self.allow_zone(cx, Rule::GetZone, &seen)?;
        self.part(cx, zone, m).await
    }
}

impl CentralService {
    async fn part(&self, cx: &Cx, id: ZoneId, m: ReadExport) -> Result<ExportPart, Fault> {
        let scope = scope(cx);
        let read = self.store.read(|tx| {
            Box::pin(async {
                let zone = zones::get(tx, id, &scope).await?.ok_or_else(refusals::zone_not_found)?;
                let mut text = String::new();
                let after = match &m.after {
                    Some((name, kind)) => Some(Place::of(name, *kind)),
                    None => {
                        let _ = write_header(&mut text, &zone.name, zone.ttl);
                        let soa = recordsets::by_name_type(tx, id, &zone.name, RecordType::Soa).await?;
                        soa.iter().for_each(|set| write(&mut text, set));
                        None
                    }
                };
                let sets = recordsets::page_after(tx, id, after.as_ref(), PART).await?;
                sets.iter().filter(|set| set.kind != RecordType::Soa).for_each(|set| write(&mut text, set));
                let full = u32::try_from(sets.len()) == Ok(PART);
                let last = sets.last().filter(|_| full);
                let next = last.map(|set| (set.name.clone(), set.kind));
                Ok::<_, CentralError>(ExportPart { text, next, generation: zone.progress.generation })
            })
        });
        Ok(read.await?)
    }
}

/// One line for each record, as it is kept.
fn write(out: &mut String, set: &Recordset) {
    let ttl = set.ttl.map(|ttl| ttl.to_string()).unwrap_or_default();
    for data in &set.records {
        let _ = writeln!(out, "{} {ttl} IN {} {data}", set.name, set.kind);
    }
}
