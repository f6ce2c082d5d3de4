//! Telling the outside what happened, in the envelope of oslo.messaging.
//!
//! Invariants: what is told is written in the transaction of what happened, so neither is there without the other; a
//! central that notifies nobody does nothing here at all.

mod payload;
pub(super) mod resource;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::payload::Change;
use super::CentralService;
use super::api::outbox::{EmitFault, Priority};
use crate::config::{NotificationsConfig, PayloadFormat};
use crate::domain::ids::{ProjectId, ZoneId};
use crate::domain::pool::Pool;
use crate::domain::recordset::Recordset;
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;
use crate::store::repo::outbox::{self, Waiting};
use crate::store::{StoreError, Tx};
use crate::transport::Cx;

/// Something that happened: to a zone or a recordset, as it was before, if it was, and as it is after, if it is; or to
/// something else.
#[derive(Debug, Clone)]
pub(in crate::actors) enum Event<'a> {
    ZoneCreated(&'a Zone),
    ZoneUpdated(&'a Zone, &'a Zone),
    ZoneDeleted(&'a Zone),
    RecordsetCreated(&'a Recordset),
    RecordsetUpdated(&'a Recordset, &'a Recordset),
    RecordsetDeleted(&'a Recordset),
    Other { name: [&'static str; 1], zone: Option<ZoneId>, payload: Value },
}

impl Event<'_> {
    /// Something that happened to anything but a zone or a recordset.
    pub(super) const fn of(name: &'static str, payload: Value) -> Self {
        Self::Other { name: [name], zone: None, payload }
    }

    /// The same, and what happened before to this zone is told before.
    pub(super) const fn of_zone(name: &'static str, zone: ZoneId, payload: Value) -> Self {
        Self::Other { name: [name], zone: Some(zone), payload }
    }

    /// Zones were called domains once, and some still listen for that.
    const fn types(&self) -> &[&'static str] {
        match self {
            Self::ZoneCreated(_) => &["dns.zone.create", "dns.domain.create"],
            Self::ZoneUpdated(..) => &["dns.zone.update", "dns.domain.update"],
            Self::ZoneDeleted(_) => &["dns.zone.delete", "dns.domain.delete"],
            Self::RecordsetCreated(_) => &["dns.recordset.create"],
            Self::RecordsetUpdated(..) => &["dns.recordset.update"],
            Self::RecordsetDeleted(_) => &["dns.recordset.delete"],
            Self::Other { name, .. } => name,
        }
    }

    const fn zone(&self) -> Option<ZoneId> {
        match self {
            Self::ZoneCreated(zone) | Self::ZoneUpdated(_, zone) | Self::ZoneDeleted(zone) => Some(zone.id),
            Self::RecordsetCreated(set) | Self::RecordsetUpdated(_, set) | Self::RecordsetDeleted(set) => {
                Some(set.zone_id)
            }
            Self::Other { zone, .. } => *zone,
        }
    }

    fn payloads(&self, format: PayloadFormat) -> Vec<Value> {
        match format {
            PayloadFormat::Default => vec![match self {
                Self::ZoneCreated(zone) | Self::ZoneUpdated(_, zone) | Self::ZoneDeleted(zone) => {
                    Value::Object(payload::zone(zone))
                }
                Self::RecordsetCreated(set)
                | Self::RecordsetUpdated(_, set)
                | Self::RecordsetDeleted(set) => payload::recordset(set),
                Self::Other { payload, .. } => payload.clone(),
            }],
            PayloadFormat::Audit => {
                let changes = match self {
                    Self::ZoneCreated(zone) => Change::all(None, &payload::zone_fields(zone)),
                    Self::ZoneUpdated(before, zone) => {
                        Change::all(Some(&payload::zone_fields(before)), &payload::zone_fields(zone))
                    }
                    Self::RecordsetCreated(set) => Change::all(None, &payload::recordset_fields(set)),
                    Self::RecordsetUpdated(before, set) => {
                        Change::all(Some(&payload::recordset_fields(before)), &payload::recordset_fields(set))
                    }
                    Self::ZoneDeleted(_) | Self::RecordsetDeleted(_) | Self::Other { .. } => {
                        vec![Change::default()]
                    }
                };
                changes.into_iter().map(|change| self.audited(&change)).collect()
            }
        }
    }

    fn audited(&self, change: &Change) -> Value {
        let (zone, recordset) = match self {
            Self::ZoneCreated(zone) | Self::ZoneUpdated(_, zone) | Self::ZoneDeleted(zone) => {
                (Some(zone.name.as_str()), None)
            }
            Self::RecordsetCreated(set) | Self::RecordsetUpdated(_, set) | Self::RecordsetDeleted(set) => {
                (Some(set.zone_name.as_str()), Some(set.name.as_str()))
            }
            Self::Other { .. } => (None, None),
        };
        json!({
            "zone_name": zone,
            "zone_id": self.zone().map(|id| id.to_string()),
            "recordset_name": recordset,
            "old_data": change.old,
            "new_data": change.new,
            "changed_field": change.field,
        })
    }
}

/// Writes notifications.
#[derive(Debug)]
pub(in crate::actors) struct Emitter {
    publisher: String,
    format: PayloadFormat,
    most: u32,
}

impl Emitter {
    /// `None` if nobody is to be notified.
    pub(in crate::actors) fn new(config: &NotificationsConfig, host: &str) -> Option<Self> {
        config.is_on().then(|| Self {
            publisher: format!("central.{host}"),
            format: config.payload,
            most: config.outbox_length,
        })
    }

    /// Tells what happened in this transaction.
    pub(in crate::actors) async fn emit(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        event: Event<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut notifications = Vec::new();
        for payload in event.payloads(self.format) {
            for name in event.types() {
                notifications.push(self.notification(
                    cx,
                    name,
                    (event.zone(), Priority::Info),
                    payload.clone(),
                    now,
                ));
            }
        }
        self.put(tx, notifications, now).await
    }

    async fn put(
        &self,
        tx: &mut dyn Tx,
        notifications: Vec<Waiting<()>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let count = notifications.len();
        if !outbox::put(tx, notifications, self.most, now).await? {
            tracing::error!(count, most = self.most, "the outbox is full: notifications are lost");
        }
        Ok(())
    }

    /// One notification, as it waits.
    fn notification(
        &self,
        cx: &Cx,
        event: &str,
        (zone, priority): (Option<ZoneId>, Priority),
        payload: Value,
        now: Timestamp,
    ) -> Waiting<()> {
        let mut message = Map::new();
        message.insert("message_id".to_owned(), json!(Uuid::new_v4().to_string()));
        message.insert("publisher_id".to_owned(), json!(self.publisher));
        message.insert("event_type".to_owned(), json!(event));
        message.insert("priority".to_owned(), json!(priority.as_str().to_ascii_uppercase()));
        message.insert("payload".to_owned(), payload);
        message.insert("timestamp".to_owned(), json!(payload::spaced(now)));
        message.insert("_unique_id".to_owned(), json!(Uuid::new_v4().as_simple().to_string()));
        for (name, value) in context(cx) {
            message.insert(format!("_context_{name}"), value);
        }
        let body = Value::Object(message).to_string();
        Waiting { id: (), zone, priority: priority.as_str().to_owned(), body }
    }
}

/// Tells of what is done past central, if somebody is to be told.
#[derive(Debug, Clone, Default)]
pub struct Notices(Option<Arc<Emitter>>);

impl Notices {
    /// As configured, in the name of this host.
    #[must_use]
    pub fn new(config: &NotificationsConfig, host: &str) -> Self {
        Self(Emitter::new(config, host).map(Arc::new))
    }

    /// Tells, in its transaction, what happened to a pool.
    pub(super) async fn tell(
        &self,
        tx: &mut dyn Tx,
        event: &'static str,
        pool: &Pool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(emitter) = &self.0 else { return Ok(()) };
        let cx = Cx::system(Duration::from_secs(1));
        let event = Event::of(event, resource::pool(pool));
        let mut told = Vec::new();
        for payload in event.payloads(emitter.format) {
            for name in event.types() {
                told.push(emitter.notification(&cx, name, (None, Priority::Info), payload.clone(), now));
            }
        }
        emitter.put(tx, told, now).await
    }
}

/// Who asked, without anything that could be used to ask in its name.
fn context(cx: &Cx) -> Vec<(&'static str, Value)> {
    let caller = &cx.caller;
    let project = caller.project.as_ref().map(ProjectId::as_str);
    vec![
        ("request_id", json!(cx.request.to_string())),
        ("user_id", json!(caller.user)),
        ("user", json!(caller.user)),
        ("project_id", json!(project)),
        ("tenant", json!(project)),
        ("roles", json!(caller.roles)),
        ("is_admin", json!(caller.system || caller.has_role("admin"))),
        ("all_tenants", json!(caller.flags.all_projects)),
        ("edit_managed_records", json!(caller.flags.edit_managed_records)),
        ("hard_delete", json!(caller.flags.hard_delete)),
        ("delete_shares", json!(caller.flags.delete_shares)),
    ]
}

impl CentralService {
    /// Tells what happened in this transaction, if somebody is to be told.
    pub(super) async fn emit(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        event: Event<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match &self.emitter {
            Some(emitter) => emitter.emit(tx, cx, event, now).await,
            None => Ok(()),
        }
    }

    /// Tells that a request to the API failed, if somebody is to be told.
    pub(super) async fn emit_fault(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        fault: &EmitFault,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(emitter) = &self.emitter else { return Ok(()) };
        let EmitFault { url, status, exception } = fault;
        let payload = json!({ "url": url, "status": status, "exception": exception });
        let told = emitter.notification(cx, "dns.api.fault", (None, Priority::Error), payload, now);
        emitter.put(tx, vec![told], now).await
    }

    /// Tells that zones exist, if somebody is to be told.
    pub(super) async fn emit_exists(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        zones: &[Zone],
        period: (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(emitter) = &self.emitter else { return Ok(()) };
        let mut notifications = Vec::with_capacity(zones.len() * 2);
        for zone in zones {
            let mut payload = payload::zone(zone);
            payload.insert("audit_period_beginning".to_owned(), json!(payload::joined(period.0)));
            payload.insert("audit_period_ending".to_owned(), json!(payload::joined(period.1)));
            let payload = Value::Object(payload);
            for name in ["dns.zone.exists", "dns.domain.exists"] {
                notifications.push(emitter.notification(
                    cx,
                    name,
                    (Some(zone.id), Priority::Info),
                    payload.clone(),
                    now,
                ));
            }
        }
        emitter.put(tx, notifications, now).await
    }
}
