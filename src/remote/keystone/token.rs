//! The body that Keystone describes a token with.
//!
//! Invariants: a token that is not fully understood is no token; every field that decides about rights is required or has
//! one meaning when it is absent.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::domain::access_rule::{AccessRule, PathPattern};
use crate::domain::credentials::{Catalogue, Endpoint, Revocation, Verified};
use crate::domain::identity::{Identity, TokenScope};
use crate::domain::ids::ProjectId;
use crate::domain::time::Timestamp;

#[derive(Deserialize)]
struct Envelope {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    user: Named,
    expires_at: String,
    issued_at: String,
    #[serde(default)]
    roles: Vec<Role>,
    project: Option<Named>,
    domain: Option<Named>,
    system: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(default)]
    audit_ids: Vec<String>,
    #[serde(default)]
    catalog: Vec<Service>,
    application_credential: Option<ApplicationCredential>,
}

#[derive(Deserialize)]
struct ApplicationCredential {
    access_rules: Option<Vec<Rule>>,
}

#[derive(Deserialize)]
struct Rule {
    service: String,
    method: String,
    path: String,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<ServiceEndpoint>,
}

#[derive(Deserialize)]
struct ServiceEndpoint {
    interface: String,
    url: String,
    region_id: Option<String>,
    region: Option<String>,
}

/// Reads the description of a token; `None` if it is none.
pub(super) fn parse(body: &[u8]) -> Option<Verified> {
    let Envelope { token } = serde_json::from_slice(body).ok()?;
    let scope = match (&token.system, &token.domain, &token.project) {
        (Some(_), None, None) => TokenScope::System,
        (None, Some(_), None) => TokenScope::Domain,
        (None, None, _) => TokenScope::Project,
        _ => return None,
    };
    let project = token.project.map(|project| project.id);
    if token.user.id.is_empty() || project.as_deref() == Some("") {
        return None;
    }
    let endpoints = token.catalog.into_iter().flat_map(|Service { kind, endpoints }| {
        endpoints.into_iter().map(move |endpoint| Endpoint {
            service: kind.clone(),
            interface: endpoint.interface,
            region: endpoint.region_id.or(endpoint.region).unwrap_or_default(),
            url: endpoint.url,
        })
    });
    Some(Verified {
        identity: Identity {
            user: Some(token.user.id),
            project: project.map(ProjectId::new),
            roles: token.roles.into_iter().map(|role| role.name).collect(),
            scope,
            ..Identity::default()
        },
        expires_at: Some(moment(&token.expires_at)?),
        issued_at: moment(&token.issued_at)?,
        audit_ids: token.audit_ids,
        catalogue: Arc::new(Catalogue { endpoints: endpoints.collect() }),
        access_rules: token.application_credential.and_then(|credential| credential.access_rules).map(
            |rules| {
                let read = |Rule { service, method, path }| AccessRule {
                    service,
                    method,
                    path: PathPattern::new(&path),
                };
                rules.into_iter().map(read).collect()
            },
        ),
    })
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    audit_id: Option<String>,
    audit_chain_id: Option<String>,
    user_id: Option<String>,
    project_id: Option<String>,
    issued_before: Option<String>,
}

/// Reads a list of revocations; `None` if it is none.
pub(super) fn revocations(body: &[u8]) -> Option<Vec<Revocation>> {
    let Events { events } = serde_json::from_slice(body).ok()?;
    let read = |event: Event| Revocation {
        audit_id: event.audit_id,
        audit_chain_id: event.audit_chain_id,
        user: event.user_id,
        project: event.project_id,
        // Keystone cuts this to the second and other times not.
        issued_before: event.issued_before.as_deref().and_then(moment).map(end_of_second),
    };
    Some(events.into_iter().map(read).collect())
}

fn moment(text: &str) -> Option<Timestamp> {
    let parsed: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_micros(parsed.as_microsecond()))
}

const fn end_of_second(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.seconds().saturating_mul(1_000_000).saturating_add(999_999))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn token(change: impl FnOnce(&mut Value)) -> Option<Verified> {
        let mut body = json!({"token": {
            "methods": ["password"], "user": {"id": "u1", "name": "ada", "domain": {"id": "default", "name": "Default"}},
            "audit_ids": ["a", "c"], "expires_at": "2026-01-01T01:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z",
            "project": {"id": "p1", "name": "p", "domain": {"id": "default", "name": "Default"}}, "is_domain": false,
            "roles": [{"id": "1", "name": "member"}, {"id": "2", "name": "reader"}],
            "catalog": [{"type": "network", "name": "neutron", "id": "n", "endpoints": [
                {"id": "e", "interface": "public", "region_id": "R1", "region": "R1", "url": "http://n"}]}],
        }});
        change(&mut body["token"]);
        parse(body.to_string().as_bytes())
    }

    #[test]
    fn access_rules_are_read_or_the_token_is_none() {
        let with = |rules: Value| {
            token(|t| {
                t["application_credential"] = json!({"id": "a", "restricted": true, "access_rules": rules});
            })
        };
        let rule = json!({"id": "r", "service": "dns", "method": "GET", "path": "/v2/zones/*"});
        let rules = with(json!([rule])).unwrap().access_rules.unwrap();
        assert!(rules[0].covers("dns", "GET", "/v2/zones/1"));
        assert_eq!(with(json!([])).unwrap().access_rules, Some(Vec::new()));
        assert_eq!(with(Value::Null).unwrap().access_rules, None);
        assert_eq!(token(|_| ()).unwrap().access_rules, None);
        assert!(with(json!([{"service": "dns"}])).is_none());
        assert!(with(json!("all")).is_none());
    }

    #[test]
    fn scopes_are_told_apart() {
        let project = token(|_| ()).unwrap();
        assert_eq!(project.identity.project, Some(ProjectId::new("p1")));
        assert_eq!(project.identity.roles, ["member", "reader"]);
        assert_eq!(project.expires_at.unwrap().since(project.issued_at).as_secs(), 3600);
        assert_eq!(project.catalogue.find("network", "public").next().unwrap().url, "http://n");
        let scope = |key: &str, value: Value| {
            token(|t| {
                t.as_object_mut().unwrap().remove("project");
                if !key.is_empty() {
                    t[key] = value;
                }
            })
            .map(|token| (token.identity.scope, token.identity.project))
        };
        assert_eq!(scope("", Value::Null), Some((TokenScope::Project, None)));
        assert_eq!(scope("system", json!({"all": true})), Some((TokenScope::System, None)));
        assert_eq!(scope("domain", json!({"id": "d", "name": "d"})), Some((TokenScope::Domain, None)));
    }

    #[test]
    fn what_is_not_understood_is_no_token() {
        assert_eq!(parse(b"{}"), None);
        assert_eq!(parse(b"<html>"), None);
        assert_eq!(token(|t| t["expires_at"] = json!("soon")), None);
        assert_eq!(token(|t| t["expires_at"] = Value::Null), None);
        assert_eq!(token(|t| t["user"] = json!({"id": ""})), None);
        assert_eq!(token(|t| t["project"] = json!({"id": ""})), None);
        assert_eq!(token(|t| t["roles"] = json!([{"id": "1"}])), None);
        assert_eq!(token(|t| t["domain"] = json!({"id": "d"})), None);
        assert_eq!(token(|t| t["system"] = json!({"all": true})), None);
    }

    #[test]
    fn revocations_are_read() {
        let body = json!({"links": {}, "events": [
            {"audit_id": "a", "issued_before": "2026-01-01T00:00:00.000000Z", "revoked_at": "x"},
            {"user_id": "u", "project_id": "p", "issued_before": "2026-01-01T00:00:00.000000Z"}]});
        let read = revocations(body.to_string().as_bytes()).unwrap();
        assert_eq!(read[0].audit_id.as_deref(), Some("a"));
        assert_eq!((read[1].user.as_deref(), read[1].project.as_deref()), (Some("u"), Some("p")));
        assert_eq!(revocations(b"{}"), None);
    }
}
