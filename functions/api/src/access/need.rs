//! What a request has to be allowed, by its method and its route. A route that is not here needs everything.

use axum::http::Method;

use super::Scope;

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Nothing,
    /// A key with this scope.
    Scope(Scope),
}

/// Routes that are open in any case.
const OPEN: [&str; 7] = ["/", "/ping", "/healthz", "/docs", "/docs/", "/docs/{*file}", "/openapi.json"];

impl Need {
    /// Of a method on a route, as the router has it (`/build/{build}`).
    pub(crate) fn of(method: &Method, route: &str) -> Self {
        match (method, route) {
            (&Method::GET | &Method::HEAD, route) if OPEN.contains(&route) => Self::Nothing,
            (&Method::GET | &Method::HEAD, _) => Self::Scope(Scope::Read),
            (&Method::POST, "/v1/failures/{id}/retry") => Self::Scope(Scope::Write),
            _ => Self::Scope(Scope::Admin),
        }
    }

    /// The scope, if it needs one.
    pub(crate) fn scope(self) -> Option<Scope> {
        match self {
            Self::Nothing => None,
            Self::Scope(scope) => Some(scope),
        }
    }
}
