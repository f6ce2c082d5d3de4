//! What every request below `/v2` passes, in this order: request id, body limit, identity, switches, maintenance,
//! trailing slashes, then the resources; and errors on their way back.
//!
//! Invariants: every response has `X-Openstack-Request-Id`, the id that error bodies and log lines show; a resource
//! finds a complete context in the request and has nothing left to check but its own business.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use tokio::time::Instant;

use super::Api;
use super::auth::Caller;
use super::context::Prepared;
use super::error::ApiError;
use super::forwarded::Origin;
use super::links;
use super::query::Query;
use super::switches;
use crate::actors::central::api::outbox::EmitFault;
use crate::domain::ids::RequestId;
use crate::transport::{Cx, Fault, TraceParent};

/// What log lines of requests are told by.
const ACCESS: &str = "ordain::access";
/// How long it may take to have others told of a failure.
const TELLING: Duration = Duration::from_secs(1);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// The pipeline, as middleware around the resources.
pub(super) async fn run(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = RequestId::random();
    let api = request.app_data::<web::Data<Api>>().cloned();
    let under_way = api.as_ref().map(|api| api.counters.request());
    let (begin, mut who) = (Instant::now(), None);
    let mut response = match prepare(&mut request, id, &mut who).await {
        Ok(Step::Answer(response)) => request.into_response(response),
        Ok(Step::Serve(prepared)) => {
            let told = api.as_ref().filter(|api| api.settings.tell_faults).map(|api| {
                let url = format!("{}{}", links::base(request.request(), &api.settings), request.uri());
                (api.clone(), prepared.cx.clone(), url)
            });
            request.extensions_mut().insert(prepared);
            let response = next.call(request).await?.map_into_boxed_body();
            if let (Some((api, cx, url)), Some(error)) = (told, response.response().error()) {
                let (status, exception) = (response.status().as_u16(), error.to_string());
                tell(&api, &cx, EmitFault { url, status, exception }).await;
            }
            render(response, id)
        }
        Err(error) => request.into_response(error.respond(Some(id))),
    };
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let (asked, status) = (response.request(), response.status().as_u16());
    if api.as_ref().is_some_and(|api| api.settings.access_log)
        && tracing::enabled!(target: ACCESS, tracing::Level::INFO)
    {
        let client = client(asked).map(tracing::field::display);
        let (method, path) = (asked.method(), asked.path());
        let Who { user, project } = who.unwrap_or_default();
        let micros = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: ACCESS,
            request = %id, client, user, project, %method, path, status, micros, "request answered"
        );
    }
    if let Some(request) = under_way {
        request.answered();
    }
    Ok(response)
}

/// Has others told of a failure; that is not worth much time.
async fn tell(api: &Api, cx: &Cx, fault: EmitFault) {
    if let Err(error) = api.central.cast(&cx.detached(TELLING), fault).await {
        tracing::info!(%error, "others are not told of a request that failed");
    }
}

enum Step {
    Answer(HttpResponse),
    Serve(Prepared),
}

/// Who asked, for the log.
#[derive(Default)]
struct Who {
    user: Option<String>,
    project: Option<String>,
}

async fn prepare(
    request: &mut ServiceRequest,
    id: RequestId,
    who: &mut Option<Who>,
) -> Result<Step, ApiError> {
    let Some(api) = request.app_data::<web::Data<Api>>().cloned() else {
        return Err(Fault::internal("unknown", "no application state").into());
    };
    if request.method() == Method::OPTIONS {
        return Ok(Step::Answer(HttpResponse::Ok().finish()));
    }
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let most = api.settings.most_body(request.path()) as u64;
    if length.and_then(|digits| digits.parse::<u64>().ok()).is_some_and(|length| length > most) {
        return Err(ApiError::BodyTooLarge);
    }
    let mut query = Query::parse(request.query_string());
    let Caller { identity: mut caller, catalogue, token } = api.auth.caller(request.head()).await?;
    let project = caller.project.as_ref().map(|project| project.as_str().to_owned());
    *who = api.settings.access_log.then(|| Who { user: caller.user.clone(), project });
    if let Some(Err(wait)) = api.rates.as_ref().map(|rates| rates.take(&caller)) {
        return Err(ApiError::TooMany(wait.as_secs() + 1));
    }
    let switched = switches::apply(&mut caller, request.headers(), &mut query, &api.policy.load());
    let hide_counts = switched.map_err(|refused| match api.auth.is_by_token() {
        true => ApiError::SwitchRefused,
        false => refused,
    })?;
    if api.settings.maintenance && !caller.has_role(&api.settings.maintenance_role) {
        return Err(ApiError::Maintenance);
    }
    let overrides = [Method::GET, Method::POST].contains(request.method())
        && query.get("_method").is_some_and(|method| !method.eq_ignore_ascii_case(request.method().as_str()));
    if overrides {
        return Err(ApiError::method_not_allowed());
    }
    strip_slashes(request);
    let mut cx = Cx::new(caller, api.settings.call_timeout).with_request(id);
    if let Some(trace) = traceparent(request) {
        cx = cx.with_trace(trace);
    }
    Ok(Step::Serve(Prepared { cx, query, hide_counts, catalogue, token }))
}

/// Whose request it is, as far as trusted proxies say.
fn client(request: &HttpRequest) -> Option<IpAddr> {
    let api = request.app_data::<web::Data<Api>>()?;
    Origin::of(request.headers(), request.peer_addr(), &api.settings.trusted_proxies).client
}

fn traceparent(request: &ServiceRequest) -> Option<TraceParent> {
    request.headers().get("traceparent")?.to_str().ok()?.parse().ok()
}

/// Takes slashes off the end of the path, so that the resources never see them.
fn strip_slashes(request: &mut ServiceRequest) {
    let path = request.path();
    let stripped = path.trim_end_matches('/');
    if stripped.len() == path.len() || stripped.is_empty() {
        return;
    }
    let query = request.query_string();
    let target = if query.is_empty() { stripped.to_owned() } else { format!("{stripped}?{query}") };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = target.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

/// Gives errors of the resources their body.
fn render(response: ServiceResponse<BoxBody>, id: RequestId) -> ServiceResponse<BoxBody> {
    let Some(error) = response.response().error() else { return response };
    let rendered = match error.as_error::<ApiError>() {
        Some(error) => error.respond(Some(id)),
        None if response.status().is_client_error() => {
            ApiError::bad_request(error.to_string()).respond(Some(id))
        }
        None => ApiError::from(Fault::internal("unknown", error.to_string())).respond(Some(id)),
    };
    response.into_response(rendered)
}
