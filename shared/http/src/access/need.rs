//! The needs of requests. Each route declares them in its annotation, as `security(...)`.

use std::collections::HashMap;

use axum::http::Method;
use serde_json::Value;

use super::Scope;

/// The permission that a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: `security(())`.
    Nothing,
    /// A key with this scope: `security(("key" = ["read"]))`.
    Scope(Scope),
    /// A key with this scope, unless the route's own check finds that its content is public:
    /// `security((), ("key" = ["read"]))`.
    OwnCheck(Scope),
}

/// The needs of a program's routes, by their path in the router's form (`/build/{build}`).
#[derive(Debug, Clone, Default)]
pub struct Needs(HashMap<String, Vec<(Method, Need)>>);

impl Needs {
    /// Reads the needs of the routes in an OpenAPI document. A route needs `admin` if it has no
    /// `security(...)` or names an unknown scope.
    pub fn declared(document: &Value) -> Self {
        let items = document["paths"].as_object().into_iter().flatten();
        let of = |item: &Value| {
            let operations = item.as_object().into_iter().flatten();
            operations
                .filter_map(|(method, operation)| {
                    Some((method.to_ascii_uppercase().parse().ok()?, declared(operation)))
                })
                .collect()
        };
        Self(items.map(|(path, item)| (path.clone(), of(item))).collect())
    }

    /// Adds a GET route that has no annotation and needs nothing.
    #[must_use]
    pub fn open(mut self, route: &str) -> Self {
        self.0.entry(route.to_owned()).or_default().push((Method::GET, Need::Nothing));
        self
    }

    /// Returns the need of a method on a route.
    ///
    /// HEAD needs the same as GET. On a route without a declaration, GET needs `read` and every
    /// other method needs `admin`.
    pub fn of(&self, method: &Method, route: &str) -> Need {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let declared =
            self.0.get(route).and_then(|all| all.iter().find(|(declared, _)| declared == method));
        declared.map_or_else(|| undeclared(method), |(_, need)| *need)
    }
}

fn undeclared(method: &Method) -> Need {
    Need::Scope(if method == Method::GET { Scope::Read } else { Scope::Admin })
}

/// Reads OpenAPI's security requirements: one of them is sufficient, and an empty one needs
/// nothing.
fn declared(operation: &Value) -> Need {
    let alternatives = operation["security"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_open =
        alternatives.iter().any(|one| one.as_object().is_some_and(serde_json::Map::is_empty));
    let word = alternatives.iter().find_map(|one| one["key"][0].as_str());
    match word.map(|word| word.parse().unwrap_or(Scope::Admin)) {
        None if is_open => Need::Nothing,
        None => Need::Scope(Scope::Admin),
        Some(scope) if is_open => Need::OwnCheck(scope),
        Some(scope) => Need::Scope(scope),
    }
}

impl Need {
    /// Returns the scope, if the request needs one.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::Nothing => None,
            Self::Scope(scope) | Self::OwnCheck(scope) => Some(scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_declares_nothing_needs_everything_but_get() {
        let needs = Needs::default();
        assert_eq!(needs.of(&Method::PATCH, "/new"), Need::Scope(Scope::Admin));
        assert_eq!(needs.of(&Method::POST, "/"), Need::Scope(Scope::Admin));
        assert_eq!(needs.of(&Method::HEAD, "/new"), Need::Scope(Scope::Read));
    }

    #[test]
    fn a_declaration_is_read_as_openapi_has_it() {
        for (security, need) in [
            (json!(null), Need::Scope(Scope::Admin)),
            (json!([]), Need::Scope(Scope::Admin)),
            (json!([{}]), Need::Nothing),
            (json!([{"key": ["write"]}]), Need::Scope(Scope::Write)),
            (json!([{"key": ["wirte"]}]), Need::Scope(Scope::Admin)),
            (json!([{"key": []}]), Need::Scope(Scope::Admin)),
            (json!([{}, {"key": ["read"]}]), Need::OwnCheck(Scope::Read)),
        ] {
            assert_eq!(declared(&json!({"security": security})), need, "{security}");
        }
    }
}
