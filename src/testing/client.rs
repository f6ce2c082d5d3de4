//! A client of a world's API: what most tests say, in one line each, and any request besides.

use actix_web::http::Method;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Failure, conformance};
use crate::http::{LocalApi, Reply};

/// Sends requests as one caller; cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiClient {
    api: LocalApi,
    headers: Vec<(String, String)>,
}

/// A zone as the API shows it; fields not named here are in [`Self::rest`].
#[derive(Debug, Clone, Deserialize)]
pub struct ZoneView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// ACTIVE, PENDING or ERROR.
    pub status: String,
    /// CREATE, UPDATE, DELETE or NONE.
    pub action: String,
    /// What DNS shows.
    pub serial: u32,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

/// A recordset as the API shows it; fields not named here are in [`Self::rest`].
#[derive(Debug, Clone, Deserialize)]
pub struct RecordsetView {
    /// Its id.
    pub id: String,
    /// Its owner name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its records.
    pub records: Vec<String>,
    /// ACTIVE, PENDING or ERROR.
    pub status: String,
    /// CREATE, UPDATE, DELETE or NONE.
    pub action: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

impl ApiClient {
    pub(super) const fn new(api: LocalApi) -> Self {
        Self { api, headers: Vec::new() }
    }

    /// The same with one more header on every request, such as `X-Auth-Project-ID` or `X-Roles`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same as a member of a project.
    #[must_use]
    pub fn member_of(self, project: &str) -> Self {
        self.caller(project, "member,reader")
    }

    /// The same as a caller of this project with these roles, separated by commas; either may be empty.
    #[must_use]
    pub fn caller(self, project: &str, roles: &str) -> Self {
        self.with("X-Auth-Project-ID", project).with("X-Roles", roles)
    }

    /// What the API says that it is: the document at `/openapi.json`, without servers.
    #[must_use]
    pub fn document(&self) -> &Value {
        self.api.document()
    }

    /// Any request at all: these headers after the client's own and no others, these octets as its body.
    ///
    /// # Errors
    /// If there is no answer at all, or not as the document says.
    pub async fn raw(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, Failure> {
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<(&str, &str)> = own.chain(headers.iter().copied()).collect();
        let sent = self.api.send(method.clone(), target, &headers, body).await;
        let reply = sent.map_err(|error| Failure::from(error.to_string()))?;
        conformance::check(self.api.document(), method.as_str(), target, &reply)?;
        Ok(reply)
    }

    /// Any request with a JSON body, or none.
    ///
    /// # Errors
    /// If there is no answer at all.
    pub async fn send(&self, method: Method, target: &str, body: Option<&Value>) -> Result<Reply, Failure> {
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        self.raw(method, target, &[("Content-Type", "application/json")], body).await
    }

    /// As [`Self::send`], the answer as status and JSON (null if it has no body).
    ///
    /// # Errors
    /// If there is no answer, or its body is no JSON.
    pub async fn json(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), Failure> {
        let reply = self.send(method, target, body).await?;
        let json = if reply.body.is_empty() { Value::Null } else { serde_json::from_slice(&reply.body)? };
        Ok((reply.status.as_u16(), json))
    }

    /// Creates a primary zone.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn create_zone(&self, name: &str) -> Result<ZoneView, Failure> {
        let body = json!({ "name": name, "email": "admin@example.org" });
        self.expect(Method::POST, "/v2/zones", Some(&body)).await
    }

    /// One zone.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn zone(&self, id: &str) -> Result<ZoneView, Failure> {
        self.expect(Method::GET, &format!("/v2/zones/{id}"), None).await
    }

    /// Changes a zone.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn update_zone(&self, id: &str, changes: &Value) -> Result<ZoneView, Failure> {
        self.expect(Method::PATCH, &format!("/v2/zones/{id}"), Some(changes)).await
    }

    /// Deletes a zone.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn delete_zone(&self, id: &str) -> Result<ZoneView, Failure> {
        self.expect(Method::DELETE, &format!("/v2/zones/{id}"), None).await
    }

    /// Creates a recordset.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn create_recordset(
        &self,
        zone: &str,
        name: &str,
        kind: &str,
        records: &[&str],
    ) -> Result<RecordsetView, Failure> {
        let body = json!({ "name": name, "type": kind, "records": records });
        self.expect(Method::POST, &format!("/v2/zones/{zone}/recordsets"), Some(&body)).await
    }

    /// One recordset.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn recordset(&self, zone: &str, id: &str) -> Result<RecordsetView, Failure> {
        self.expect(Method::GET, &format!("/v2/zones/{zone}/recordsets/{id}"), None).await
    }

    /// Changes a recordset.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn update_recordset(
        &self,
        zone: &str,
        id: &str,
        changes: &Value,
    ) -> Result<RecordsetView, Failure> {
        self.expect(Method::PUT, &format!("/v2/zones/{zone}/recordsets/{id}"), Some(changes)).await
    }

    /// Deletes a recordset.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn delete_recordset(&self, zone: &str, id: &str) -> Result<RecordsetView, Failure> {
        self.expect(Method::DELETE, &format!("/v2/zones/{zone}/recordsets/{id}"), None).await
    }

    async fn expect<T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let reply = self.send(method.clone(), target, body).await?;
        if !reply.status.is_success() {
            let text = String::from_utf8_lossy(&reply.body);
            return Err(format!("{method} {target}: {} {text}", reply.status).into());
        }
        Ok(serde_json::from_slice(&reply.body)?)
    }
}
