//! The table of what the API serves: each path with its methods, what handles them, and what the document at `/openapi.json`
//! says of them.
//!
//! Invariants: application and document are made of the same table, so nothing is served that is not described, and nothing
//! described that is not served.

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, Route, web};

use super::openapi::Operation;

/// Says what an operation is.
pub(super) type Describe = fn() -> Operation;

/// Paths below one prefix.
pub(super) struct Routes {
    prefix: &'static str,
    places: Vec<Place>,
}

/// A path and what is on it.
pub(super) struct Place {
    path: String,
    routes: Vec<Route>,
    otherwise: Option<Route>,
    operations: Vec<(Method, Describe)>,
}

impl Routes {
    /// None yet, all of which will be below `prefix`.
    pub(super) const fn below(prefix: &'static str) -> Self {
        Self { prefix, places: Vec::new() }
    }

    /// A path on which methods that are not added are answered by `otherwise`.
    pub(super) fn at<F, A>(&mut self, path: impl Into<String>, otherwise: F) -> &mut Place
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let otherwise = Some(web::to(otherwise));
        let place = Place { path: path.into(), routes: Vec::new(), otherwise, operations: Vec::new() };
        // Just pushed, so it is there.
        self.places.push(place);
        let last = self.places.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the place was pushed two lines above")]
        &mut self.places[last]
    }

    /// The operations: method, path from the root, description.
    pub(super) fn operations(&self) -> impl Iterator<Item = (&Method, String, Operation)> {
        self.places.iter().flat_map(move |place| {
            let path = format!("{}{}", self.prefix, place.path);
            place.operations.iter().map(move |(method, describe)| (method, path.clone(), describe()))
        })
    }

    /// Adds everything to an application, or to the scope of the prefix.
    pub(super) fn register(self, config: &mut web::ServiceConfig) {
        for Place { path, routes, otherwise, .. } in self.places {
            let mut resource = web::resource(path);
            for route in routes {
                resource = resource.route(route);
            }
            if let Some(otherwise) = otherwise {
                resource = resource.default_service(otherwise);
            }
            config.service(resource);
        }
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident $method:ident;)+) => {$(
        $(#[$doc])*
        pub(super) fn $name<F, A>(&mut self, handler: F, describe: Describe) -> &mut Self
        where
            F: Handler<A>,
            A: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.routes.push(web::$name().to(handler));
            self.described(Method::$method, describe)
        }
    )+};
}

impl Place {
    methods! {
        /// Answers GET.
        get GET;
        /// Answers POST.
        post POST;
        /// Answers PUT.
        put PUT;
        /// Answers PATCH.
        patch PATCH;
        /// Answers DELETE.
        delete DELETE;
    }

    /// Says what the handler of all methods does with one.
    pub(super) fn described(&mut self, method: Method, describe: Describe) -> &mut Self {
        self.operations.push((method, describe));
        self
    }

    /// Refuses a method in its own way.
    pub(super) fn refuse<F, A>(&mut self, method: Method, handler: F) -> &mut Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.routes.push(web::method(method).to(handler));
        self
    }
}
