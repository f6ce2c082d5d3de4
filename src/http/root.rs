//! What lies outside `/v2` besides `/healthcheck`: the list of versions, and nothing else.
//!
//! Invariants: nothing here asks who is calling; no request id either.

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::{ApiError, json};
use super::openapi::{self, Operation};
use super::routes::Routes;
use super::settings::ApiSettings;
use super::{Api, admin, health, links, v2};

/// Version id, status, date.
const VERSIONS: [(&str, &str, &str); 6] = [
    ("v2", "SUPPORTED", "2022-06-29T00:00:00Z"),
    ("v2.0", "SUPPORTED", "2022-06-29T00:00:00Z"),
    ("v2.1", "SUPPORTED", "2023-01-25T00:00:00Z"),
    ("v2.2", "SUPPORTED", "2025-08-25T00:00:00Z"),
    ("v2.3", "SUPPORTED", "2026-04-06T00:00:00Z"),
    ("v2.4", "CURRENT", "2026-04-13T00:00:00Z"),
];
/// Where people read about the API.
const HELP: &str = "https://docs.openstack.org/api-ref/dns";

#[derive(Serialize, JsonSchema)]
struct Versions<'a> {
    versions: [Version<'a>; 6],
}

#[derive(Serialize, JsonSchema)]
struct Version<'a> {
    id: &'static str,
    status: &'static str,
    updated: &'static str,
    links: [Link<'a>; 2],
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VersionLink")]
struct Link<'a> {
    href: &'a str,
    rel: &'static str,
}

/// Adds the paths of this module.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    routes().register(config);
    config.service(web::resource(["/admin", "/admin/{rest:.*}"]).to(switched_off));
}

/// What is served without asking who is calling.
fn routes() -> Routes {
    let mut routes = Routes::below("");
    routes
        .at("/", versions)
        .described(Method::GET, || {
            Operation::new("listVersions", "Lists the versions of the API")
                .answers::<Versions<'_>>(200)
                .fails(&[503])
        })
        .described(Method::HEAD, || {
            Operation::new("headVersions", "Whether there is an API").done(200).fails(&[503])
        });
    health::routes(&mut routes);
    openapi::routes(&mut routes);
    routes
}

/// Everything that is served.
pub(super) fn tables(settings: &ApiSettings) -> Vec<Routes> {
    let mut tables = vec![routes(), v2::routes()];
    if !settings.admin_extensions.is_empty() {
        tables.push(admin::routes(&settings.admin_extensions));
    }
    tables
}

async fn versions(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    if api.settings.maintenance {
        return ApiError::Maintenance.respond(None);
    }
    if request.method() == Method::OPTIONS {
        return HttpResponse::Ok().finish();
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return not_allowed("OPTIONS, GET, HEAD");
    }
    let own = format!("{}/v2", links::base(&request, &api.settings));
    let versions = VERSIONS.map(|(id, status, updated)| Version {
        id,
        status,
        updated,
        links: [Link { href: &own, rel: "self" }, Link { href: HELP, rel: "help" }],
    });
    json(&mut HttpResponse::Ok(), &Versions { versions })
}

/// The path is known, the method is not one of its own.
pub(super) fn not_allowed(methods: &'static str) -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((ALLOW, HeaderValue::from_static(methods)))
        .content_type("text/html; charset=UTF-8")
        .body("<!DOCTYPE html><title>Method Not Allowed</title><h1>405 Method Not Allowed</h1>")
}

/// The admin extensions are not enabled.
async fn switched_off() -> HttpResponse {
    HttpResponse::NotFound().finish()
}

/// Any other path.
pub(super) async fn nothing_here() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/html; charset=UTF-8")
        .body("<!DOCTYPE html><title>Not Found</title><h1>404 Not Found</h1>")
}
