//! `/healthcheck`: whether this process is ready, alive, and to be sent requests; as oslo.middleware answers, in text or
//! JSON.
//!
//! ```text
//! /healthcheck          ready: all that it depends on is there, it is not withdrawn and not disabled by file
//! /healthcheck/traffic  not withdrawn (as it is before it ends) and not disabled by file: what a load balancer asks
//! /healthcheck/live     it answers
//! ```
//!
//! Invariants: answering looks at nothing but memory and one file; without `detailed` nobody learns more than which part
//! is missing.

use std::path::PathBuf;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::accept::{JSON, TEXT, accepts};
use super::error::json;
use super::openapi::Operation;
use super::root::not_allowed;
use super::routes::Routes;
use crate::health::{Health, Report};

/// What `/healthcheck` tells, and how much of it.
#[derive(Debug, Clone, Default)]
pub struct HealthCheck {
    /// How things stand in this process.
    pub health: Health,
    /// Reasons are told in full.
    pub detailed: bool,
    /// While this file is there, the process is to be sent nothing.
    pub disable_by_file: Option<PathBuf>,
}

/// One thing and how it stands.
#[derive(Serialize, JsonSchema)]
struct Finding {
    #[serde(rename = "class")]
    part: &'static str,
    details: String,
    reason: String,
    #[serde(skip)]
    fine: bool,
}

#[derive(Serialize)]
struct Answer<T> {
    detailed: bool,
    reasons: T,
}

/// Serves the paths of this module.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    let mut table = Routes::below("");
    routes(&mut table);
    table.register(config);
}

/// The paths of this module.
pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/healthcheck", ready)
        .described(Method::GET, || told("getHealth", "Whether all is there that requests need"))
        .described(Method::HEAD, || asked("headHealth", "The same without reasons"));
    routes
        .at("/healthcheck/traffic", traffic)
        .described(Method::GET, || told("getTrafficHealth", "Whether to send requests here"))
        .described(Method::HEAD, || asked("headTrafficHealth", "The same without reasons"));
    routes
        .at("/healthcheck/live", live)
        .described(Method::GET, || told("getLiveHealth", "Whether the process answers"))
        .described(Method::HEAD, || asked("headLiveHealth", "The same without reasons"));
}

fn told(id: &'static str, summary: &'static str) -> Operation {
    let told = [200, 503];
    told.into_iter().fold(Operation::new(id, summary), |operation, status| {
        operation.text(status, "text/plain").or::<Reasons>(status)
    })
}

fn asked(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary).done(204).done(503)
}

/// An answer in JSON.
#[derive(JsonSchema)]
#[schemars(rename = "Health")]
#[expect(dead_code, reason = "only its schema is used")]
struct Reasons {
    detailed: bool,
    /// "OK", or what is wrong; with details, each part and how it is.
    reasons: Vec<Reason>,
}

#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum Reason {
    Short(String),
    Long(Finding),
}

async fn ready(request: HttpRequest, check: web::Data<HealthCheck>) -> HttpResponse {
    let mut findings = check.doors().await;
    let Report { parts, .. } = check.health.report();
    findings.extend(parts.into_iter().map(|(part, wants)| Finding {
        part,
        fine: wants.is_none(),
        reason: String::from(if wants.is_none() { "OK" } else { "MISSING" }),
        details: wants.unwrap_or_default(),
    }));
    check.answer(&request, findings)
}

async fn traffic(request: HttpRequest, check: web::Data<HealthCheck>) -> HttpResponse {
    let findings = check.doors().await;
    check.answer(&request, findings)
}

async fn live(request: HttpRequest, check: web::Data<HealthCheck>) -> HttpResponse {
    check.answer(&request, Vec::new())
}

impl HealthCheck {
    /// Whether the process is to be sent anything.
    async fn doors(&self) -> Vec<Finding> {
        let disabled = match &self.disable_by_file {
            Some(file) => tokio::fs::try_exists(file).await.unwrap_or(false),
            None => false,
        };
        let finding = |part, reason: &str, fine: bool| Finding {
            part,
            reason: String::from(if fine { "OK" } else { reason }),
            details: String::new(),
            fine,
        };
        vec![
            finding("disable_by_file", "DISABLED BY FILE", !disabled),
            finding("withdrawal", "WITHDRAWN", !self.health.is_withdrawn()),
        ]
    }

    fn answer(&self, request: &HttpRequest, findings: Vec<Finding>) -> HttpResponse {
        let fine = findings.iter().all(|finding| finding.fine);
        let status = if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut response = HttpResponse::build(status);
        let text = accepts(request.headers(), &[TEXT]) || !accepts(request.headers(), &[JSON]);
        match *request.method() {
            Method::HEAD if fine => HttpResponse::NoContent().finish(),
            Method::HEAD => response.finish(),
            Method::GET if text => {
                response.content_type("text/plain; charset=UTF-8").body(self.reasons(&findings).join("\n"))
            }
            Method::GET if self.detailed => {
                json(&mut response, &Answer { detailed: true, reasons: findings })
            }
            Method::GET => json(&mut response, &Answer { detailed: false, reasons: self.reasons(&findings) }),
            _ => not_allowed("GET, HEAD"),
        }
    }

    /// What is wrong, or that nothing is.
    fn reasons(&self, findings: &[Finding]) -> Vec<String> {
        let wrong: Vec<_> = findings
            .iter()
            .filter(|finding| !finding.fine)
            .map(|Finding { part, details, reason, .. }| match (self.detailed, reason.as_str()) {
                (true, "MISSING") => format!("{part}: {details}"),
                (false, "MISSING") => format!("{part} is missing"),
                (_, reason) => reason.to_owned(),
            })
            .collect();
        if wrong.is_empty() { vec![String::from("OK")] } else { wrong }
    }
}
