//! `/admin`: what only operators ask for, in parts that are switched on one by one.
//!
//! Invariants: without any part there is no `/admin`.

mod quotas;
mod reports;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::web;

use super::context::DnsCtx;
use super::openapi::Operation;
use super::path_id::ZonePath;
use super::pipeline;
use super::routes::Routes;
use super::v2::{Answer, method_not_allowed, no_such_path, zone_file};
use crate::actors::central::api::tasks::ExportOf;
use crate::config::AdminExtension;

/// Everything below `/admin`.
pub(super) fn routes(extensions: &[AdminExtension]) -> Routes {
    let has = |extension| extensions.contains(&extension);
    let mut routes = Routes::below("/admin");
    if has(AdminExtension::Reports) {
        reports::routes(&mut routes);
    }
    if has(AdminExtension::Quotas) {
        quotas::routes(&mut routes);
    }
    if has(AdminExtension::Zones) {
        routes
            .at("/zones/export/{zone_id}", method_not_allowed)
            .get(export, || Operation::new("adminExportZone", "A zone as a file").text(200, "text/dns"));
    }
    routes
}

/// The same, to be mounted.
pub(super) fn scope(extensions: &[AdminExtension]) -> impl HttpServiceFactory + use<> {
    let routes = routes(extensions);
    web::scope("/admin")
        .wrap(from_fn(pipeline::run))
        .configure(move |config| routes.register(config))
        .default_service(web::to(no_such_path))
}

async fn export(DnsCtx(ctx): DnsCtx, path: ZonePath) -> Answer {
    ctx.only_for_admins()?;
    zone_file(&ctx, ExportOf::Zone(path.zone_id)).await
}
