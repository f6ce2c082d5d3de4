//! Zones, recordsets and times as they stand in notifications.
//!
//! Invariants: names of fields are those of the service that is replaced; what only this program knows stays out.

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::domain::ids::ProjectId;
use crate::domain::recordset::Recordset;
use crate::domain::shard::Shard;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;
use crate::domain::zone::Zone;

fn text(at: Timestamp, between: char) -> String {
    let moment = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default();
    let moment = TimeZone::UTC.to_datetime(moment);
    let micros = moment.subsec_nanosecond() / 1000;
    format!(
        "{}{between}{:02}:{:02}:{:02}.{micros:06}",
        moment.date(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}

/// A time as an envelope has it.
pub(super) fn spaced(at: Timestamp) -> String {
    text(at, ' ')
}

/// A time as a payload has it.
pub(super) fn joined(at: Timestamp) -> String {
    text(at, 'T')
}

/// A zone.
pub(super) fn zone(zone: &Zone) -> Map<String, Value> {
    let project = zone.project_id.as_ref().map(ProjectId::as_str);
    let masters: Vec<Value> =
        zone.masters.iter().map(|master| json!({"host": master.host, "port": master.port})).collect();
    let fields = json!({
        "id": zone.id.to_string(),
        "shard": Shard::of(zone.id).number(),
        "pool_id": zone.pool_id.to_string(),
        "tenant_id": project,
        "project_id": project,
        "name": zone.name.as_str(),
        "type": zone.kind.as_str(),
        "email": zone.email,
        "description": zone.description,
        "ttl": zone.ttl.seconds(),
        "serial": zone.serial.number(),
        "refresh": zone.timers.refresh,
        "retry": zone.timers.retry,
        "expire": zone.timers.expire,
        "minimum": zone.timers.minimum,
        "status": zone.progress.status.as_str(),
        "action": zone.progress.action.as_str(),
        "attributes": zone.attributes,
        "masters": masters,
        "parent_zone_id": zone.parent_id.map(|id| id.to_string()),
        "shared": zone.shared,
        "version": zone.version,
        "created_at": joined(zone.created_at),
        "updated_at": zone.updated_at.map(joined),
        "transferred_at": zone.transferred_at.map(joined),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A recordset.
pub(super) fn recordset(set: &Recordset) -> Value {
    let project = set.project_id.as_ref().map(ProjectId::as_str);
    let records: Vec<Value> = set.records.iter().map(|data| json!({"data": data})).collect();
    json!({
        "id": set.id.to_string(),
        "zone_id": set.zone_id.to_string(),
        "zone_name": set.zone_name.as_str(),
        "tenant_id": project,
        "project_id": project,
        "name": set.name.as_str(),
        "type": set.kind.to_string(),
        "ttl": set.ttl.map(Ttl::seconds),
        "description": set.description,
        "records": records,
        "managed": set.managed,
        "status": set.status.as_str(),
        "action": set.action.as_str(),
        "version": set.version,
        "created_at": joined(set.created_at),
        "updated_at": set.updated_at.map(joined),
    })
}

type Fields = Vec<(&'static str, Value)>;

/// What of a zone is audited.
pub(super) fn zone_fields(zone: &Zone) -> Fields {
    let masters: Vec<String> = zone.masters.iter().map(ToString::to_string).collect();
    vec![
        ("name", json!(zone.name.as_str())),
        ("type", json!(zone.kind.as_str())),
        ("email", json!(zone.email)),
        ("ttl", json!(zone.ttl.seconds())),
        ("description", json!(zone.description)),
        ("attributes", if zone.attributes.is_empty() { Value::Null } else { json!(zone.attributes) }),
        ("masters", if masters.is_empty() { Value::Null } else { json!(masters.join(" ")) }),
        ("tenant_id", json!(zone.project_id.as_ref().map(ProjectId::as_str))),
        ("pool_id", json!(zone.pool_id.to_string())),
    ]
}

/// What of a recordset is audited.
pub(super) fn recordset_fields(set: &Recordset) -> Fields {
    let mut records = set.records.clone();
    records.sort();
    vec![
        ("name", json!(set.name.as_str())),
        ("type", json!(set.kind.to_string())),
        ("ttl", json!(set.ttl.map(Ttl::seconds))),
        ("description", json!(set.description)),
        ("records", if records.is_empty() { Value::Null } else { json!(records.join(" ")) }),
    ]
}

/// One field that changed; without a field, that there is nothing more to tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Change {
    pub(super) field: Option<&'static str>,
    pub(super) old: Value,
    pub(super) new: Value,
}

impl Change {
    /// Every field that is different; one change without a field if none is.
    pub(super) fn all(before: Option<&Fields>, after: &Fields) -> Vec<Self> {
        let old = |field: &str| {
            let found = before.and_then(|fields| fields.iter().find(|(name, _)| *name == field));
            found.map_or(Value::Null, |(_, value)| value.clone())
        };
        let changes: Vec<Self> = after
            .iter()
            .map(|(field, new)| Self { field: Some(field), old: old(field), new: new.clone() })
            .filter(|change| change.old != change.new)
            .collect();
        if changes.is_empty() { vec![Self::default()] } else { changes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_microseconds() {
        let at = Timestamp::from_micros(1_795_394_590_001_020);
        assert_eq!(spaced(at), "2026-11-23 00:43:10.001020");
        assert_eq!(joined(at), "2026-11-23T00:43:10.001020");
    }

    #[test]
    fn only_what_is_different_is_a_change() {
        let before = vec![("a", json!(1)), ("b", json!(null)), ("c", json!("x"))];
        let after = vec![("a", json!(1)), ("b", json!(2)), ("c", json!(null))];
        let change = |field, old, new| Change { field: Some(field), old, new };
        assert_eq!(
            Change::all(Some(&before), &after),
            [change("b", json!(null), json!(2)), change("c", json!("x"), json!(null))]
        );
        assert_eq!(Change::all(None, &after).len(), 2);
        assert_eq!(Change::all(Some(&after), &after), [Change::default()]);
    }
}
