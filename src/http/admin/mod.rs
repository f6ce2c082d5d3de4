//! `/admin`: what only operators ask for, in parts that are switched on one by one.
//!
//! Invariants: without any part there is no `/admin`.

mod quotas;
mod reports;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::web;

use super::context::DnsCtx;
use super::path_id::ZonePath;
use super::pipeline;
use super::v2::{Answer, no_such_path, resource, zone_file};
use crate::actors::central::api::tasks::ExportOf;
use crate::config::AdminExtension;

/// Everything below `/admin`.
pub(super) fn scope(extensions: &[AdminExtension]) -> impl HttpServiceFactory + use<> {
    let has = |extension| extensions.contains(&extension);
    let (reports, quotas, zones) =
        (has(AdminExtension::Reports), has(AdminExtension::Quotas), has(AdminExtension::Zones));
    web::scope("/admin")
        .wrap(from_fn(pipeline::run))
        .configure(move |config| {
            if reports {
                reports::configure(config);
            }
            if quotas {
                quotas::configure(config);
            }
            if zones {
                config.service(resource("/zones/export/{zone_id}").route(web::get().to(export)));
            }
        })
        .default_service(web::to(no_such_path))
}

async fn export(DnsCtx(ctx): DnsCtx, path: ZonePath) -> Answer {
    zone_file(&ctx, ExportOf::Zone(path.zone_id)).await
}
