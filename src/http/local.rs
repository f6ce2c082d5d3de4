//! The API without a socket: requests go straight into the application.
//!
//! Invariants: the same application as behind a listener; no thread, no timer of its own, so a paused clock governs
//! everything that a request causes.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, StatusCode, header::HeaderMap};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error};
use bytes::Bytes;
use futures::future::LocalBoxFuture;

use super::{Api, configure, cors};

type Called = LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, Error>>;

/// An API to be called in process; cheap to clone, bound to its thread.
#[derive(Clone)]
pub struct LocalApi {
    call: Rc<dyn Fn(TestRequest) -> Called>,
    api: Arc<Api>,
}

impl fmt::Debug for LocalApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalApi").finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl LocalApi {
    /// Starts the application on this thread.
    pub async fn start(api: &Arc<Api>) -> Self {
        let service = Rc::new(
            init_service(App::new().configure(configure(Arc::clone(api))).wrap(from_fn(cors::run))).await,
        );
        Self {
            api: Arc::clone(api),
            call: Rc::new(move |request| {
                let service = Rc::clone(&service);
                Box::pin(async move { Ok(service.call(request.to_request()).await?.map_into_boxed_body()) })
            }),
        }
    }

    /// What the API says that it is: the document at `/openapi.json`, without servers.
    #[must_use]
    pub fn document(&self) -> &serde_json::Value {
        self.api.document()
    }

    /// Sends a request with these headers and this body; `target` is path and query.
    ///
    /// # Errors
    /// If the application fails without an answer, or the body of its answer does.
    pub async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, Error> {
        let mut request = TestRequest::with_uri(target).method(method);
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let response = (self.call)(request.set_payload(body)).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body().boxed())
            .await
            .map_err(actix_web::error::ErrorInternalServerError)?;
        Ok(Reply { status, headers, body })
    }
}
