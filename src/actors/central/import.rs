//! A zone is made of a file.
//!
//! Invariants: all or nothing; what the API would refuse of a recordset is refused here, too.

use std::collections::HashMap;

use super::api::zones::CreateZone;
use super::error::CentralError;
use super::notify::Event;
use super::tasks::ImportOrder;
use super::zone_writes::{self, Imported, ImportedSet, NewZone};
use super::{CentralService, placement, refusals};
use crate::domain::hostname::{check_email, parse_domain, parse_host};
use crate::domain::ids::ZoneId;
use crate::domain::rdata::RData;
use crate::domain::record_type::RecordType;
use crate::domain::recordset_rules::{check_creatable, check_data, check_owner};
use crate::domain::task::{TaskOutcome, TaskStatus};
use crate::domain::ttl::Ttl;
use crate::domain::zone::{SoaTimers, ZoneKind};
use crate::domain::zonefile::{self, Problem, ZoneFile};
use crate::store::repo::tasks::Held;
use crate::transport::{Cx, Fault};

/// Most characters of a cause that is told.
const MAX_CAUSE: usize = 130;
const NO_ORIGIN: &str = "The $ORIGIN directive must be given, and come first.";

/// What the client is told of a refusal.
pub(super) fn message(fault: &Fault) -> String {
    let cause = fault.message.as_deref().unwrap_or(&fault.kind);
    match fault.kind.as_ref() {
        "duplicate_zone" => "Duplicate zone.".to_owned(),
        "zone_file" | "invalid_ttl" | "over_quota" | "export_size" => cause.to_owned(),
        _ => {
            let cause: String = cause.chars().take(MAX_CAUSE).collect();
            format!("An undefined error occurred. {cause}")
        }
    }
}

/// A file that cannot be read, in the words of the API.
fn unreadable(text: &str) -> Fault {
    Fault::invalid("zone_file", text)
}

impl CentralService {
    /// Does an import that is held here.
    pub(super) async fn import(&self, held: &Held, order: &ImportOrder) -> Result<(), Fault> {
        let cx = Cx::new(order.caller.clone(), std::time::Duration::from_secs(120));
        let new = self.read_import(order)?;
        let created = self
            .store
            .transact(|tx| {
                Box::pin(async {
                    let created = zone_writes::create(tx, &new).await?;
                    self.emit(tx, &cx, Event::ZoneCreated(&created.zone), new.now).await?;
                    let outcome = TaskOutcome {
                        status: TaskStatus::Complete,
                        message: Some(format!("{} imported", created.zone.name)),
                        zone_id: Some(created.zone.id),
                        location: None,
                    };
                    self.settle(tx, &cx, held, &outcome).await?;
                    Ok::<_, CentralError>(created)
                })
            })
            .await?;
        for id in &created.touched {
            self.nudge(&cx, *id).await;
        }
        Ok(())
    }

    fn read_import(&self, order: &ImportOrder) -> Result<NewZone, Fault> {
        let project = order.caller.project.clone().ok_or_else(refusals::missing_project)?;
        let file = zonefile::parse(&order.request.zonefile, None).map_err(|error| match error.problem {
            Problem::NoOrigin => unreadable(NO_ORIGIN),
            _ => unreadable("Malformed zonefile."),
        })?;
        let name = parse_domain(file.origin.as_str(), "name").map_err(|error| flaw(&error))?;
        let Some((soa, ttl)) = file.soa() else { return Err(unreadable("An SOA record is required.")) };
        let email = soa.email().unwrap_or_default();
        check_email(&email).map_err(|error| flaw(&error))?;
        let ttl = match ttl {
            Some(ttl) if ttl.seconds() > 0 => ttl,
            _ => Ttl::from_wire(self.config.min_ttl),
        };
        let timers = SoaTimers { retry: soa.retry, expire: soa.expire, ..self.timers() };
        let serial = soa.serial;
        let sets = self.sets(&file)?;
        Ok(NewZone {
            id: ZoneId::random(),
            project,
            email: email.clone(),
            default_ttl: self.config.default_ttl,
            timers,
            limits: self.limits(),
            privileges: order.privileges,
            now: self.clock.now(),
            request: CreateZone {
                name,
                kind: ZoneKind::Primary,
                email: Some(email),
                ttl: Some(ttl),
                description: None,
                attributes: order.request.attributes.clone(),
                masters: Vec::new(),
            },
            imported: Some(Imported { serial, sets, max_name_len: self.config.max_recordset_name_len }),
        })
    }

    /// The recordsets of a file, without those that the service makes itself.
    fn sets(&self, file: &ZoneFile) -> Result<Vec<ImportedSet>, Fault> {
        let mut sets: Vec<ImportedSet> = Vec::new();
        let mut places: HashMap<(String, RecordType), usize> = HashMap::new();
        for record in &file.records {
            let kind = record.data.record_type();
            let at_apex = record.name == file.origin;
            if kind == RecordType::Soa || (at_apex && kind == RecordType::Ns) {
                continue;
            }
            if !self.config.supported_record_type.contains(&kind) {
                return Err(refusals::bad_request(&format!("{kind} is not a supported record type")));
            }
            let name = parse_host(record.name.as_str(), "name").map_err(|error| flaw(&error))?;
            check_owner(kind, &name).map_err(|error| placement::refused(&error))?;
            check_creatable(kind, &name).map_err(|error| placement::refused(&error))?;
            let text = record.data.to_string();
            RData::parse(kind, &text)
                .and_then(|data| check_data(&name, &data))
                .map_err(|_| refusals::bad_request(&format!("'{text}' is not a '{kind}' Record")))?;
            let place = *places.entry((name.key(), kind)).or_insert_with(|| {
                let ttl = record.ttl.filter(|ttl| ttl.seconds() > 0);
                sets.push(ImportedSet { name, kind, ttl, records: Vec::new() });
                sets.len() - 1
            });
            if let Some(set) = sets.get_mut(place)
                && !set.records.contains(&text)
            {
                set.records.push(text);
            }
        }
        Ok(sets)
    }
}

fn flaw(error: &impl ToString) -> Fault {
    refusals::bad_request(&error.to_string())
}
