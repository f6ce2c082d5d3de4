//! The resources below `/v2`, each in a file of its own.
//!
//! Invariants: a known path with an unknown method is 405, an unknown path 404; both after the pipeline.

mod blacklists;
mod changes;
mod changeset_body;
mod changesets;
mod collection;
mod exports;
mod floating_ips;
mod imports;
mod limits;
mod pools;
mod quotas;
mod recordset_body;
mod recordset_view;
mod recordsets;
mod service_statuses;
mod shares;
mod tlds;
mod transfer_accepts;
mod transfer_requests;
mod tsigkeys;
mod zone_body;
mod zone_tasks;
mod zone_view;
mod zones;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};

use super::error::ApiError;
use super::pipeline;
use super::routes::Routes;
use crate::transport::{Fault, FaultCode};

pub(super) use exports::zone_file;
pub(super) use quotas::{View as QuotasView, project as project_in_path};

pub(super) type Answer = Result<HttpResponse, ApiError>;

/// Everything below `/v2`.
pub(super) fn routes() -> Routes {
    let mut routes = Routes::below("/v2");
    limits::routes(&mut routes);
    service_statuses::routes(&mut routes);
    tlds::routes(&mut routes);
    blacklists::routes(&mut routes);
    tsigkeys::routes(&mut routes);
    quotas::routes(&mut routes);
    pools::routes(&mut routes);
    floating_ips::routes(&mut routes);
    // Before `/zones/{zone_id}`, so that these words are not taken for malformed ids.
    routes.at("/zones/{word:nameservers|recordsets|shares|tasks}", no_such_path);
    transfer_requests::routes(&mut routes);
    transfer_accepts::routes(&mut routes);
    imports::routes(&mut routes);
    exports::routes(&mut routes);
    zone_tasks::routes(&mut routes);
    changesets::routes(&mut routes);
    changes::routes(&mut routes);
    shares::routes(&mut routes);
    recordsets::routes(&mut routes);
    zones::routes(&mut routes);
    routes
}

/// The same, to be mounted.
pub(super) fn scope() -> impl HttpServiceFactory {
    web::scope("/v2")
        .wrap(from_fn(pipeline::run))
        .configure(|config| routes().register(config))
        .default_service(web::to(no_such_path))
}

pub(super) async fn no_such_path() -> Answer {
    Err(ApiError::no_such_path())
}

pub(super) async fn method_not_allowed() -> Answer {
    Err(ApiError::method_not_allowed())
}

/// Where something can be made but nothing read.
async fn nothing_to_read(request: HttpRequest) -> Answer {
    nothing_below(request).await
}

/// A path that lacks an id: refused without a text.
async fn id_is_missing() -> Answer {
    Err(Fault::new(FaultCode::NotFound, "not_found").into())
}

/// A path with nothing on it below a resource: nothing to read, and nothing else allowed.
async fn nothing_below(request: HttpRequest) -> Answer {
    Err(if *request.method() == Method::GET {
        ApiError::no_such_path()
    } else {
        ApiError::method_not_allowed()
    })
}
